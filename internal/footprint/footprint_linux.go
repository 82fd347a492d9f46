package footprint

import (
	"os"

	"golang.org/x/sys/unix"
)

// dropProgram unmaps the clean pages of the program's file (madvise(2), MADV_DONTNEED on a private file mapping: "subsequent accesses … will result in …
// reloading of the memory contents from the underlying mapped file"). Writable mappings are left alone: they hold data.
func dropProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for _, m := range fileMappings(string(maps), exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.length, unix.MADV_DONTNEED) // advice: refused, the pages stay
	}
}
