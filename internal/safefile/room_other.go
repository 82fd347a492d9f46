//go:build !linux

package safefile

import (
	"errors"
	"io/fs"
	"os"
)

func (parent) unnamed(fs.FileMode) (*os.File, error) { return nil, errors.ErrUnsupported }

func (parent) give(*os.File, string) error { return errors.ErrUnsupported }
