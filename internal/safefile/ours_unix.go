//go:build unix

package safefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxLinks bounds how many links of a path are followed, as the kernel does with 40 (path_resolution(7)); ours have one or two.
const maxLinks = 8

// Ours reports whether nobody but root and this process's user can put something else in the place of the directory dir, or of what they have made in it: no directory
// of its path, nor of the links in it, is another user's or can be written by others. One with the sticky bit, as /tmp, is as good. What the
// group may write is the group's, whom a user trusts, and root only where it is root's own. The answer holds for as long as it is true: whoever could make it untrue is trusted.
func Ours(dir string) bool {
	dir, err := filepath.Abs(dir)
	return err == nil && ours(dir, maxLinks)
}

func ours(path string, links int) bool {
	fi, err := os.Lstat(path)
	if err != nil || links == 0 {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return false
	}
	up := filepath.Dir(path)
	if fi.Mode()&fs.ModeSymlink != 0 {
		to, err := os.Readlink(path)
		if !filepath.IsAbs(to) {
			to = filepath.Join(up, to)
		}
		return err == nil && ours(up, links-1) && ours(to, links-1)
	}
	writers := fs.FileMode(0o002)
	if os.Geteuid() == 0 && st.Gid != 0 {
		writers = 0o022
	}
	return (fi.Mode()&writers == 0 || fi.Mode()&fs.ModeSticky != 0) && (up == path || ours(up, links))
}
