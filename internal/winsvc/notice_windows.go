package winsvc

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/windows"
)

// notices tells of changes of a service's state, as the SCM does. Its news come by an asynchronous procedure call, for which a thread has to wait alertably: one goroutine has a thread
// of its own for that, which ends with it. (SubscribeServiceChangeNotifications needs none, and takes a program that calls it on Wine 8.0 down.)
type notices struct {
	changed chan struct{} // has room for one: who is told has to ask anyway, and sees everything
	stop    windows.Handle
	ended   chan struct{}
}

// watch begins to tell of what happens to the service after last. Errors: whatever NotifyServiceStatusChange says; then the SCM has to be asked.
func watch(name string, last State) (*notices, error) {
	s, err := Open(name, Look) // its own: closing it is how the SCM is told to be silent
	if err != nil {
		return nil, err
	}
	n := &notices{changed: make(chan struct{}, 1), ended: make(chan struct{})}
	if n.stop, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		s.Close()
		return nil, fmt.Errorf("CreateEvent: %w", err)
	}
	began := make(chan error, 1) // the goroutine does not wait for who started it
	go n.run(s, last, began)
	if err := <-began; err != nil {
		n.close()
		return nil, fmt.Errorf("NotifyServiceStatusChange: %w", err)
	}
	return n, nil
}

// close ends it, and returns when the thread is done with it.
func (n *notices) close() {
	_ = windows.SetEvent(n.stop) // an open event can be set
	<-n.ended
	windows.CloseHandle(n.stop)
}

// run has the thread until close, or until the SCM does not take the request.
func (n *notices) run(s *Service, last State, began chan<- error) {
	defer close(n.ended)
	runtime.LockOSThread() // and never unlocked: a call that is still on its way goes with the thread
	request := &windows.SERVICE_NOTIFY{}
	defer runtime.KeepAlive(request) // the SCM may write to it until the service is closed
	defer s.Close()
	err := n.request(s, request, last)
	began <- err
	for err == nil && n.wait() {
		if request.Context != arrived {
			continue // woken by something else
		}
		if request.NotificationStatus == 0 {
			last = State(request.ServiceStatus.CurrentState)
		}
		select {
		case n.changed <- struct{}{}:
		default: // who listens has not looked since
		}
		if request.NotificationStatus != 0 { // marked for deletion: there is nothing more to tell
			return
		}
		err = n.request(s, request, last)
	}
}

// arrived is what request.Context is when the request was answered.
const arrived = 1

// request asks for one call, as soon as the state is another than last.
func (*notices) request(s *Service, r *windows.SERVICE_NOTIFY, last State) error {
	*r = windows.SERVICE_NOTIFY{Version: windows.SERVICE_NOTIFY_STATUS_CHANGE, NotifyCallback: windows.NewCallback(noticed)} // the same callback each time
	return windows.NotifyServiceStatusChange(s.h, noticeMask(last), r)
}

// noticed is called on the thread that waits.
func noticed(r *windows.SERVICE_NOTIFY) uintptr {
	r.Context = arrived
	return 0
}

// wait returns when this thread was called, or false when it is to end.
func (n *notices) wait() bool {
	const alertable = 1
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitForSingleObjectEx")
	r, _, _ := call.Call(uintptr(n.stop), windows.INFINITE, alertable)
	return r == windows.WAIT_IO_COMPLETION
}
