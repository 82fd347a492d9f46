//go:build !unix

package cli

import "errors"

func switchTo(string, string, []string) error { return errors.ErrUnsupported }
