//go:build !linux && !darwin && !freebsd && !openbsd && !netbsd && !dragonfly && !windows

package term

import "os"

func isTerminal(*os.File) bool { return false }

func size(*os.File) (width, height int) { return 0, 0 }

func escapes(*os.File) bool { return false }

// console is none.
type console struct{}

func (*console) open(_, _ *os.File) error { return ErrNoTerminal }

func (*console) take() error { return ErrNoTerminal }

func (*console) restore() error { return nil }

func (*console) wake() {}

func (*console) close() error { return nil }

func (*console) keys(func(Event) bool) {}

func (s *Screen) signals() { <-s.stop }
