//go:build linux || darwin || freebsd

package logfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nextData is the first byte from off on that is no hole, or the end of the file (lseek(2), SEEK_DATA); off where the file system does not know.
func nextData(f *os.File, off int64) int64 {
	data, err := f.Seek(off, unix.SEEK_DATA)
	if err == nil {
		return data
	}
	if fi, e := f.Stat(); e == nil && errors.Is(err, unix.ENXIO) { // nothing but a hole
		return fi.Size()
	}
	return off
}

// nextHole is the first byte from off on that is one (SEEK_HOLE): the end of the file is.
func nextHole(f *os.File, off int64) int64 {
	hole, err := f.Seek(off, unix.SEEK_HOLE)
	if err != nil {
		return noHole
	}
	return hole
}
