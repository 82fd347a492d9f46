//go:build !unix

package install

import "errors"

// Entries is not known here.
func Entries(string) ([]Entry, error) { return nil, errors.ErrUnsupported }

// OwnerOf is not known here.
func OwnerOf(string) (int, error) { return -1, errors.ErrUnsupported }
