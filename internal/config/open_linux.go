package config

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openRegular holds the file at path (O_PATH, open(2), which opens nothing), looks at it, and opens that very file, through /proc: whatever somebody puts in its place in between
// is not opened.
func openRegular(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	held := os.NewFile(uintptr(fd), path)
	defer held.Close()
	fi, err := held.Stat()
	if err == nil {
		err = checkRegular(fi)
	}
	if err != nil {
		return nil, err
	}
	fd, err = unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_CLOEXEC, 0) // not by os.Open, which asks the poller about every file
	if errors.Is(err, fs.ErrNotExist) {                                       // there is no /proc
		return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
