//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package term

import (
	"errors"
	"os"
	"os/signal"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// console is a terminal's line discipline (termios(4)).
type console struct {
	in    *os.File
	saved unix.Termios
	ours  unix.Termios
	waker [2]*os.File // a pipe: what ends the reading of keys
}

func (c *console) open(in, _ *os.File) error {
	saved, err := unix.IoctlGetTermios(int(in.Fd()), getTermios)
	if err != nil {
		return os.NewSyscallError("tcgetattr", err)
	}
	c.in, c.saved, c.ours = in, *saved, *saved
	c.ours.Lflag &^= unix.ICANON | unix.ECHO // ISIG stays: Ctrl-C and Ctrl-Z are signals
	c.ours.Cc[unix.VMIN], c.ours.Cc[unix.VTIME] = 1, 0
	if c.waker[0], c.waker[1], err = os.Pipe(); err != nil {
		return err
	}
	return c.take()
}

func (c *console) take() error { return c.set(&c.ours) }

func (c *console) restore() error { return c.set(&c.saved) }

func (c *console) set(t *unix.Termios) error {
	return os.NewSyscallError("tcsetattr", unix.IoctlSetTermios(int(c.in.Fd()), setTermios, t))
}

func (c *console) wake() { c.waker[1].Close() }

func (c *console) close() error { return c.waker[0].Close() }

// keys reads keys until wake. select(2) is what waits for either: a read of a terminal cannot be called off, and poll(2) of macOS does not know every terminal.
func (c *console) keys(send func(Event) bool) {
	in, waker := int(c.in.Fd()), int(c.waker[0].Fd())
	for {
		var fds unix.FdSet
		fds.Set(in)
		fds.Set(waker)
		if _, err := unix.Select(max(in, waker)+1, &fds, nil, nil, nil); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || fds.IsSet(waker) || !c.read(in, send) {
			return
		}
	}
}

// read reads what was typed, and reports whether there will be more.
func (c *console) read(fd int, send func(Event) bool) bool {
	var buf [256]byte
	n, err := unix.Read(fd, buf[:])
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		return true
	}
	if err != nil || n <= 0 { // it was closed at the other end
		send(Event{Kind: Quit})
		return false
	}
	for b := buf[:n]; len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		if b = b[size:]; !send(Event{Kind: KeyPressed, Key: r}) {
			return false
		}
	}
	return true
}

// signals turns what the system says of the terminal into events. SIGTSTP, Ctrl-Z, gives the terminal back before the program stops.
func (s *Screen) signals() {
	// A full channel drops what comes (signal.Notify): each kind has its own, so that a window that is dragged about does not lose the others.
	quit, pause, resized := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(quit, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer signal.Stop(quit)
	signal.Notify(pause, unix.SIGTSTP)
	defer signal.Stop(pause)
	signal.Notify(resized, unix.SIGWINCH)
	defer signal.Stop(resized)
	for {
		select {
		case <-s.stop:
			return
		case <-quit:
			s.send(Event{Kind: Quit})
		case <-pause:
			s.pause()
		case <-resized:
			s.send(Event{Kind: Resized})
		}
	}
}

// pause stops this process as Ctrl-Z would have, and goes on when it is continued.
func (s *Screen) pause() {
	cont := make(chan os.Signal, 1)
	signal.Notify(cont, unix.SIGCONT)
	defer signal.Stop(cont)
	err := s.lend()
	if err == nil {
		err = unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
	if err == nil {
		<-cont // it comes however the process goes on, or it ends there
		err = s.take()
	}
	if err != nil {
		s.send(Event{Kind: Quit})
		return
	}
	s.send(Event{Kind: Resized})
}

// lend gives the terminal back until take.
func (s *Screen) lend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.lent = true
	return s.release()
}

// take takes the terminal again.
func (s *Screen) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	if err := s.console.take(); err != nil {
		return err
	}
	s.lent = false
	_, err := s.out.WriteString(enter)
	return err
}
