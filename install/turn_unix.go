//go:build unix

package install

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// turn waits until no other apexd changes what is in dir, by a flock(2) on the directory itself, so that no file is left of it. Where that cannot be had, the turn is
// taken anyway: what then happens says why.
func turn(ctx context.Context, dir string) (end func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}, nil
	}
	locked := make(chan error, 1) // for the goroutine to end when nobody waits any more
	go func() { locked <- unix.Flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case <-locked:
		return func() { f.Close() }, nil
	case <-ctx.Done():
	}
	go func() { // flock(2) cannot be called off: it ends with whoever has the lock
		<-locked
		f.Close()
	}()
	return func() {}, context.Cause(ctx)
}
