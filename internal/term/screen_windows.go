package term

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

func isTerminal(f *os.File) bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

func size(f *os.File) (width, height int) {
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) != nil {
		return 0, 0
	}
	return int(info.Window.Right-info.Window.Left) + 1, int(info.Window.Bottom-info.Window.Top) + 1
}

// escapes reports whether the console f understands ECMA-48, which it is asked to: since Windows 10 it can (ENABLE_VIRTUAL_TERMINAL_PROCESSING). It stays so, as cmd itself leaves it.
func escapes(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	return windows.GetConsoleMode(h, &mode) == nil && windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// console is a console's modes.
type console struct {
	in, out           windows.Handle
	savedIn, savedOut uint32
	stop              windows.Handle // an event: what ends the reading of keys
}

func (c *console) open(in, out *os.File) error {
	c.in, c.out = windows.Handle(in.Fd()), windows.Handle(out.Fd())
	err := errors.Join(windows.GetConsoleMode(c.in, &c.savedIn), windows.GetConsoleMode(c.out, &c.savedOut))
	if err != nil {
		return os.NewSyscallError("GetConsoleMode", err)
	}
	if c.stop, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		return os.NewSyscallError("CreateEvent", err)
	}
	return c.take()
}

func (c *console) take() error {
	if err := windows.SetConsoleMode(c.out, c.savedOut|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING); err != nil {
		return ErrNoTerminal // older than Windows 10
	}
	mode := c.savedIn&^(windows.ENABLE_LINE_INPUT|windows.ENABLE_ECHO_INPUT) | windows.ENABLE_WINDOW_INPUT | windows.ENABLE_PROCESSED_INPUT
	return os.NewSyscallError("SetConsoleMode", windows.SetConsoleMode(c.in, mode))
}

func (c *console) restore() error {
	return os.NewSyscallError("SetConsoleMode", errors.Join(windows.SetConsoleMode(c.in, c.savedIn), windows.SetConsoleMode(c.out, c.savedOut)))
}

func (c *console) wake() { _ = windows.SetEvent(c.stop) } // it is ours

func (c *console) close() error { return windows.CloseHandle(c.stop) }

// inputRecord is INPUT_RECORD (wincontypes.h) with a KEY_EVENT_RECORD in its union.
type inputRecord struct {
	eventType       uint16
	_               uint16
	keyDown         int32
	repeat          uint16
	virtualKey      uint16
	virtualScanCode uint16
	char            uint16
	controlKeys     uint32
}

// The types of event that matter here (wincontypes.h).
const (
	keyEvent        = 1
	windowSizeEvent = 4
)

// keys reads the console's events until wake.
func (c *console) keys(send func(Event) bool) {
	read := windows.NewLazySystemDLL("kernel32.dll").NewProc("ReadConsoleInputW")
	for {
		ev, err := windows.WaitForMultipleObjects([]windows.Handle{c.stop, c.in}, false, windows.INFINITE)
		if err != nil || ev != windows.WAIT_OBJECT_0+1 {
			return
		}
		var rec inputRecord
		var n uint32
		if ok, _, _ := read.Call(uintptr(c.in), uintptr(unsafe.Pointer(&rec)), 1, uintptr(unsafe.Pointer(&n))); ok == 0 {
			send(Event{Kind: Quit})
			return
		}
		more := true
		switch {
		case n == 1 && rec.eventType == windowSizeEvent:
			more = send(Event{Kind: Resized})
		case n == 1 && rec.eventType == keyEvent && rec.keyDown != 0 && rec.char != 0:
			more = send(Event{Kind: KeyPressed, Key: rune(rec.char)})
		}
		if !more {
			return
		}
	}
}

// signals turns Ctrl-C and the closing of the window into events.
func (s *Screen) signals() {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(ch)
	for {
		select {
		case <-s.stop:
			return
		case <-ch:
			s.send(Event{Kind: Quit})
		}
	}
}
