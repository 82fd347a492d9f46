package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/windows"
)

// handle is a process HANDLE: its PID is not reused while it is open.
type handle struct{ *process }

type process struct {
	mu     sync.RWMutex // held for reading while h is used
	h      windows.Handle
	closed bool
	noKill bool // opened without PROCESS_TERMINATE
}

// hold asks for the right to terminate and does without it where that is refused: waiting is still possible.
func hold(pid int) (handle, error) {
	const access = windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.SYNCHRONIZE
	h, err := openProcess(pid, access|windows.PROCESS_TERMINATE)
	noKill := errors.Is(err, ErrHidden)
	if noKill {
		h, err = openProcess(pid, access)
	}
	if err != nil {
		return handle{}, err
	}
	return handle{&process{h: h, noKill: noKill}}, nil
}

func (p *process) signal(info Info, sig syscall.Signal) error {
	if sig != syscall.SIGKILL {
		return failed(info.PID, fmt.Errorf("signal %d: %w", sig, errors.ErrUnsupported))
	}
	return p.use(func(h windows.Handle) error {
		switch {
		case ended(h):
			return failed(info.PID, ErrNotFound)
		case p.noKill:
			return failed(info.PID, fmt.Errorf("TerminateProcess: %w", windows.ERROR_ACCESS_DENIED))
		}
		err := windows.TerminateProcess(h, 1)
		if err != nil && ended(h) { // ERROR_ACCESS_DENIED for a process that is ending
			return failed(info.PID, ErrNotFound)
		}
		if err != nil {
			return failed(info.PID, fmt.Errorf("TerminateProcess: %w", err))
		}
		return nil
	})
}

func (p *process) gone() bool {
	gone := false
	err := p.use(func(h windows.Handle) error {
		gone = ended(h)
		return nil
	})
	return err == nil && gone
}

// wait blocks one thread on the process and an event that ends the wait when ctx is done.
func (p *process) wait(ctx context.Context, info Info) error {
	h, err := p.dup()
	if err != nil {
		return failed(info.PID, err)
	}
	defer windows.CloseHandle(h)
	cancel, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return failed(info.PID, fmt.Errorf("CreateEvent: %w", err))
	}
	defer windows.CloseHandle(cancel)
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		windows.SetEvent(cancel)
	})
	defer func() {
		if !stop() {
			<-woken // the event is closed after this
		}
	}()
	ev, err := windows.WaitForMultipleObjects([]windows.Handle{h, cancel}, false, windows.INFINITE)
	switch {
	case err != nil:
		return failed(info.PID, fmt.Errorf("WaitForMultipleObjects: %w", err))
	case ev == windows.WAIT_OBJECT_0:
		return nil
	}
	return ctx.Err()
}

func (p *process) dup() (windows.Handle, error) {
	var d windows.Handle
	err := p.use(func(h windows.Handle) error {
		self := windows.CurrentProcess()
		return os.NewSyscallError("DuplicateHandle", windows.DuplicateHandle(self, h, self, &d, 0, false, windows.DUPLICATE_SAME_ACCESS))
	})
	return d, err
}

func (p *process) use(fn func(windows.Handle) error) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return os.ErrClosed
	}
	return fn(p.h)
}

func (p *process) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return os.ErrClosed
	}
	p.closed = true
	return windows.CloseHandle(p.h)
}
