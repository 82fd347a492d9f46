package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/service"
)

// Orphans are the units of apexd's whose project is gone in dir, a directory with units of systemd's, in the order of their names. What cannot be read is none.
func Orphans(dir string) []service.Orphan {
	units, _ := filepath.Glob(filepath.Join(escapeGlob(dir), "apex-*.service")) // the pattern is well formed
	var found []service.Orphan
	for _, path := range units {
		what, text, err := look(path)
		if err != nil || what != standsFile {
			continue
		}
		o, ours := ownerOf(text)
		if !ours {
			continue
		}
		if _, err := os.Lstat(o.project); errors.Is(err, fs.ErrNotExist) {
			found = append(found, service.Orphan{Definition: path, Project: o.project, Name: o.name})
		}
	}
	return found
}

// UnitOwner is the daemon that the text of a unit says it was made for; false where apexd has not made it.
func UnitOwner(text string) (project, name string, ours bool) {
	o, ours := ownerOf(text)
	return o.project, o.name, ours
}
