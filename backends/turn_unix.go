//go:build unix

package backends

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// turn waits until no other apexd starts this service: managers merge the wishes of several starters, and each would believe that the daemon is his. It is a
// flock(2) on the service's definition, which everybody can read. Where there is no such file, or somebody keeps it for longer than limit, the turn is taken anyway.
func turn(ctx context.Context, definition string, limit time.Duration) (end func(), err error) {
	f, err := os.OpenFile(definition, os.O_RDONLY|safefile.Flags, 0)
	if err != nil {
		return func() {}, nil
	}
	bound := time.NewTimer(limit)
	defer bound.Stop()
	locked := make(chan error, 1)
	go func() { locked <- unix.Flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case <-locked:
		return func() { f.Close() }, nil
	case <-bound.C:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	go func() { // flock(2) cannot be called off: it ends with whoever has the lock
		<-locked
		f.Close()
	}()
	return func() {}, err
}
