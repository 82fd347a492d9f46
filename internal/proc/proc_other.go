//go:build !linux && !darwin && !freebsd && !windows

package proc

import (
	"context"
	"errors"
	"syscall"
)

func here() (place, error) { return place{}, errors.ErrUnsupported }

func inspect(place, int) (Info, error) { return Info{}, errors.ErrUnsupported }

func list() ([]Info, error) { return nil, errors.ErrUnsupported }

func descendants(int) ([]Info, error) { return nil, errors.ErrUnsupported }

type handle struct{}

func hold(int) (handle, error) { return handle{}, errors.ErrUnsupported }

func (handle) signal(Info, syscall.Signal) error { return errors.ErrUnsupported }

func (handle) gone() bool { return false }

func (handle) wait(ctx context.Context, info Info) error { return waitPolling(ctx, info) }

func (handle) close() error { return nil }
