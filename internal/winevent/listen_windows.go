package winevent

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
)

// Listener waits for a few events of its own. It has one goroutine, which blocks one thread and never wakes without an event.
type Listener struct {
	quit   windows.Handle
	events []*Event
	c      chan int
	done   chan struct{}
	ended  chan struct{}
}

// Listen makes the events called names, which are unset by being heard, and waits for them. Close it.
func Listen(names ...string) (*Listener, error) {
	quit, err := windows.CreateEvent(nil, uint32(Manual), 0, nil)
	if err != nil {
		return nil, fmt.Errorf("CreateEvent: %w", err)
	}
	l := &Listener{quit: quit, c: make(chan int), done: make(chan struct{}), ended: make(chan struct{})}
	for _, n := range names {
		e, err := Create(n, Auto)
		if err != nil {
			l.release()
			return nil, err
		}
		l.events = append(l.events, e)
	}
	go l.wait()
	return l, nil
}

// C receives the index, among Listen's names, of each event that was set. An event set again before it is received is received once more, not twice.
func (l *Listener) C() <-chan int { return l.c }

func (l *Listener) wait() {
	defer close(l.ended)
	handles := []windows.Handle{l.quit} // first: it wins over what is set at the same time
	for _, e := range l.events {
		handles = append(handles, e.h)
	}
	for {
		i, err := windows.WaitForMultipleObjects(handles, false, windows.INFINITE)
		if err != nil || i == windows.WAIT_OBJECT_0 { // it cannot fail while the handles are open
			return
		}
		select {
		case l.c <- int(i-windows.WAIT_OBJECT_0) - 1:
		case <-l.done:
			return
		}
	}
}

// Close ends the waiting and gives the events up. C is not closed. Call it once.
func (l *Listener) Close() error {
	close(l.done)
	err := windows.SetEvent(l.quit)
	<-l.ended
	return errors.Join(err, l.release())
}

func (l *Listener) release() error {
	errs := []error{windows.CloseHandle(l.quit)}
	for _, e := range l.events {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}
