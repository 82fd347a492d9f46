//go:build !windows

package install

import "errors"

func securityOf(string) (string, error) { return "", errors.ErrUnsupported }
