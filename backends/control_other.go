//go:build !unix

package backends

import "errors"

func tell(string, string) error { return errors.ErrUnsupported }
