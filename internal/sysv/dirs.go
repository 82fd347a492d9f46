package sysv

import (
	"iter"
	"os"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/service"
)

// Scanned are the directories in which supervisors look for service directories, by convention of the distributions: runsvdir(8), s6-svscan(1).
func Scanned() []string {
	return []string{"/etc/service", "/var/service", "/service", "/run/runit/service", "/run/service", "/run/s6/services"}
}

// ServiceDirs are the service directories of ours in those of scan, which most machines have none of: each by its real path, as the daemon itself sees it, with what its run says of itself. One
// that several links lead to comes several times.
func ServiceDirs(scan []string) iter.Seq2[string, Mark] {
	return func(yield func(string, Mark) bool) {
		for _, parent := range scan {
			entries, _ := os.ReadDir(parent) // one that is not there has none
			for _, e := range entries {
				dir, err := filepath.EvalSymlinks(filepath.Join(parent, e.Name()))
				if err != nil {
					continue
				}
				m, ok := ReadMark(filepath.Join(dir, "run"))
				if ok && (m.Kind == string(service.KindRunit) || m.Kind == string(service.KindS6)) && !yield(dir, m) {
					return
				}
			}
		}
	}
}
