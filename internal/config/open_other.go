//go:build !linux

package config

import (
	"os"
	"syscall"
)

// openRegular looks at the file at path before it opens it. O_NONBLOCK, because it may have become a FIFO in between (open(2)).
func openRegular(path string) (*os.File, error) {
	fi, err := os.Stat(path)
	if err == nil {
		err = checkRegular(fi)
	}
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
