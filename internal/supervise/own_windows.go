package supervise

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/pidfile"
)

// WatchRequests turns the daemon's events and what its console sends into requests: Ctrl-C, Ctrl-Break, closing, logoff and shutdown stop.
func WatchRequests(ref pidfile.Ref) (<-chan Request, func(), error) {
	sigs := make(chan os.Signal, 4) // two stops that come together are not lost
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	requests, stop, err := ListenRequests(ref, sigs)
	if err != nil {
		signal.Stop(sigs)
		return nil, nil, err
	}
	return requests, func() {
		signal.Stop(sigs)
		stop()
	}, nil
}

// RedirectStderr makes f's file the standard error of this process: for the Go runtime, which asks for the handle each time that it writes its last words, and
// for whoever holds os.Stderr, which stays the same *os.File. f itself may be closed afterwards.
func RedirectStderr(f *os.File) error {
	self := windows.CurrentProcess()
	var h windows.Handle
	err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &h, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return os.NewSyscallError("DuplicateHandle", err)
	}
	if err := windows.SetStdHandle(windows.STD_ERROR_HANDLE, h); err != nil {
		windows.CloseHandle(h)
		return os.NewSyscallError("SetStdHandle", err)
	}
	old := *os.Stderr // a File is a pointer to what it is, made so that it may be overwritten (os/file_windows.go)
	*os.Stderr = *os.NewFile(uintptr(h), f.Name())
	if err := old.Close(); err != nil && !errors.Is(err, windows.ERROR_INVALID_HANDLE) { // the starter's pipe; a service has none
		return err
	}
	return nil
}
