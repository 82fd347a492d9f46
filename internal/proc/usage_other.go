//go:build !linux && !darwin && !freebsd && !windows

package proc

import "errors"

func samples([]int) (map[int]sample, error) { return nil, errors.ErrUnsupported }
