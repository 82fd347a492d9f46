package winsvc

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Service is an open service. Close it: while anybody has one open, it is not wholly deleted. Its methods are safe for concurrent use.
type Service struct {
	name string
	h    windows.Handle
}

// The rights that Open asks for (Microsoft, "Service Security and Access Rights"). Everybody who is logged on may Look; by default only administrators may do the rest.
const (
	Look    = windows.SERVICE_QUERY_STATUS
	Inspect = Look | windows.SERVICE_QUERY_CONFIG
	Operate = Look | windows.SERVICE_START | windows.SERVICE_STOP | windows.SERVICE_PAUSE_CONTINUE
	Change  = Operate | Inspect | windows.SERVICE_CHANGE_CONFIG | windows.DELETE
)

// openTries is how often Open tries when Windows calls the handle invalid that it has just given: Wine 8.0 did once in some thousand calls, under load, for a reason
// that is not known. busyFor bounds how long it asks an SCM that has too much to do, busyWait and busyMost are the pauses.
const (
	openTries = 3
	busyFor   = 5 * time.Second
	busyWait  = 10 * time.Millisecond
	busyMost  = 200 * time.Millisecond
)

// Open opens the service called name. Errors: ErrNotInstalled, ErrDeleting, ErrBusy, fs.ErrPermission.
func Open(name string, rights uint32) (*Service, error) {
	busy, cancel := context.WithTimeout(context.Background(), busyFor)
	defer cancel()
	for try, wait := 1, busyWait; ; try, wait = try+1, min(2*wait, busyMost) {
		s, err := open(name, rights)
		switch {
		case errors.Is(err, windows.ERROR_INVALID_HANDLE) && try < openTries:
			continue
		case !errors.Is(err, ErrBusy):
			return s, err
		}
		select { // polling: no event tells when the SCM has time again
		case <-time.After(wait):
		case <-busy.Done():
			return nil, err
		}
	}
}

func open(name string, rights uint32) (*Service, error) {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return nil, known("OpenSCManager", err)
	}
	defer windows.CloseServiceHandle(m)
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, fmt.Errorf("service %q: %w", name, err)
	}
	h, err := windows.OpenService(m, p, rights)
	if err != nil {
		return nil, known("OpenService", err)
	}
	return &Service{name, h}, nil
}

// known gives err the name by which callers ask for it. Windows' own for "access denied" is fs.ErrPermission already.
func known(call string, err error) error {
	switch {
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return fmt.Errorf("%s: %w", call, ErrNotInstalled)
	case errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE):
		return fmt.Errorf("%s: %w", call, ErrDeleting)
	case errors.Is(err, windows.ERROR_SERVICE_DATABASE_LOCKED), errors.Is(err, windows.RPC_S_SERVER_TOO_BUSY):
		return fmt.Errorf("%s: %w: %w", call, ErrBusy, err)
	}
	return fmt.Errorf("%s: %w", call, err)
}

// Close gives the service up.
func (s *Service) Close() { windows.CloseServiceHandle(s.h) }

// Query asks how the service is.
func (s *Service) Query() (Status, error) {
	var p windows.SERVICE_STATUS_PROCESS
	var need uint32
	err := windows.QueryServiceStatusEx(s.h, windows.SC_STATUS_PROCESS_INFO, (*byte)(unsafe.Pointer(&p)), uint32(unsafe.Sizeof(p)), &need)
	if err != nil {
		return Status{}, known("QueryServiceStatusEx", err)
	}
	return Status{
		State: State(p.CurrentState), PID: int(p.ProcessId), Exit: p.Win32ExitCode, Specific: p.ServiceSpecificExitCode,
		WaitHint: time.Duration(p.WaitHint) * time.Millisecond,
	}, nil
}

// Start has the SCM start it; it returns when the process is there, not when it runs. Errors: ErrStarted, ErrBusy.
func (s *Service) Start() error {
	arg, err := windows.UTF16PtrFromString(awaited)
	if err != nil {
		return err
	}
	err = windows.StartService(s.h, 1, &arg)
	if errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
		return fmt.Errorf("StartService: %w", ErrStarted)
	}
	if err != nil {
		return known("StartService", err)
	}
	return nil
}

// Stop sends the control that asks the service to stop. sent is false where it cannot take one: it is stopped, or a state is pending, in which the SCM passes none on.
func (s *Service) Stop() (sent bool, err error) { return s.control(windows.SERVICE_CONTROL_STOP) }

// Reload sends SERVICE_CONTROL_PARAMCHANGE.
func (s *Service) Reload() (sent bool, err error) {
	return s.control(windows.SERVICE_CONTROL_PARAMCHANGE)
}

func (s *Service) control(code uint32) (bool, error) {
	var st windows.SERVICE_STATUS
	err := windows.ControlService(s.h, code, &st)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE), errors.Is(err, windows.ERROR_SERVICE_CANNOT_ACCEPT_CTRL), errors.Is(err, windows.ERROR_INVALID_SERVICE_CONTROL): // the last is Wine's word for the one before
		return false, nil
	}
	return false, known("ControlService", err)
}

// How often Wait asks: where the SCM tells of changes only for the sake of a notice that was lost, as those of a service that is marked for deletion are; else, and only while a
// person waits for a start or a stop, often.
const (
	askRarely = 500 * time.Millisecond
	askOften  = 25 * time.Millisecond
)

// Wait returns the status as soon as done says so of it; or the last one, with ctx's error. It is told of each change of state, and looks then; of what changes within a state, such as
// a checkpoint, it hears late.
func (s *Service) Wait(ctx context.Context, done func(Status) bool) (Status, error) {
	st, err := s.Query()
	if err != nil || done(st) {
		return st, err
	}
	var changed <-chan struct{} // nil: it has to be asked
	every := askOften
	if n, err := watch(s.name, st.State); err == nil {
		defer n.close()
		changed, every = n.changed, askRarely
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if st, err = s.Query(); err != nil || done(st) {
			return st, err
		}
		select {
		case <-changed:
		case <-t.C:
		case <-ctx.Done():
			return st, context.Cause(ctx)
		}
	}
}
