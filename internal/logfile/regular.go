package logfile

import (
	"fmt"
	"os"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// regular returns f if it is a regular file, else closes it.
func regular(f *os.File) (*os.File, error) {
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: f.Name(), Err: fmt.Errorf("%w: it is not a regular file", safefile.ErrUnsafe)}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
