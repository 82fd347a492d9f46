//go:build unix

package config

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// exposed reports whether anybody but the owner can read or change a file of secrets.
func exposed(fi fs.FileInfo) bool { return fi.Mode().Perm()&0o077 != 0 }

// distrust says why the caller may not want to run what a configuration file says, or "".
func distrust(fi fs.FileInfo) string {
	if fi.Mode().Perm()&0o002 != 0 {
		return "can be changed by everybody"
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || int(st.Uid) == os.Geteuid() {
		return ""
	}
	return "belongs to another user (uid " + strconv.FormatUint(uint64(st.Uid), 10) + ")"
}
