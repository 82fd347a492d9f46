//go:build unix

package backends

import (
	"os"
	"syscall"
)

// ownerOf is the user who owns path; -1 when it is not known.
func ownerOf(path string) int {
	fi, err := os.Stat(path)
	if err != nil {
		return -1
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(st.Uid)
}
