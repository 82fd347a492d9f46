//go:build unix

package backends

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tell writes command to the FIFO at path, without waiting for a reader.
func tell(path, command string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENXIO) { // no reader: fifo(7)
		return errNotSupervised
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(command)
	return errors.Join(err, f.Close())
}
