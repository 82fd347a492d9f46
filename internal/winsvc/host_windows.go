package winsvc

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// awaited is the argument of a start, which is seen by this start only, of someone who waits for it.
const awaited = "--awaited"

// Pending states last as long as the daemon's own limits say; the SCM gives up on a service that does not move its checkpoint within the hint.
const (
	waitHint        = 30 * time.Second
	checkpointEvery = 5 * time.Second // a sign of life, which the SCM offers no other way of giving
)

// Host speaks with the SCM, which has started this process as the service called name, and runs work. It must be called within the SCM's patience, 30 s, with nothing slow
// before. It returns when work has. Errors: ErrNotHosted, or why the SCM could not be spoken with.
func Host(name string, work func(Hosted) End) error {
	err := svc.Run(name, &handler{work, checkpointEvery, svc.DynamicStartReason})
	switch {
	case errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT):
		return ErrNotHosted
	case err != nil:
		return fmt.Errorf("cannot speak with the Service Control Manager: %w", err)
	}
	return nil
}

// handler is the part of the work's host that speaks with the SCM.
type handler struct {
	work  func(Hosted) End
	every time.Duration // between two checkpoints
	why   func() (svc.StartReason, error)
}

// accepted are the controls that a running service takes. A preshutdown comes before a shutdown and leaves more time: Definition.Preshutdown, not five seconds.
const accepted = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown | svc.AcceptParamChange

// Execute implements svc.Handler. One goroutine has the state; the work has another, which ends before this returns.
func (h *handler) Execute(args []string, requests <-chan svc.ChangeRequest, say chan<- svc.Status) (specific bool, code uint32) {
	controls := make(chan Control, 8) // the work may be busy: a second stop, which means at once, must not be lost
	ready, done := make(chan struct{}, 1), make(chan End, 1)
	st := svc.Status{State: svc.StartPending, CheckPoint: 1, WaitHint: uint32(waitHint / time.Millisecond)}
	say <- st
	hosted := Hosted{Controls: controls, Awaited: slices.Contains(args, awaited), Ready: func() { ready <- struct{}{} }}
	if why, err := h.why(); err == nil { // Wine does not say, and never starts a service again
		hosted.Again = why&svc.StartReasonRestartOnFailure != 0
	}
	go func() { done <- h.work(hosted) }()
	alive := time.NewTicker(h.every)
	defer alive.Stop()
	for {
		select {
		case r := <-requests:
			if control(r, controls) {
				st = svc.Status{State: svc.StopPending, CheckPoint: 1, WaitHint: uint32(waitHint / time.Millisecond)}
				alive.Reset(h.every)
			}
			say <- st
		case <-ready:
			if st.State == svc.StartPending {
				st = svc.Status{State: svc.Running, Accepts: accepted}
				alive.Stop()
				say <- st
			}
		case <-alive.C:
			st.CheckPoint++
			say <- st
		case e := <-done:
			if e.Again && e.Specific == 0 {
				return false, ErrorRestart
			}
			return true, e.Specific
		}
	}
}

// control passes r on, and reports whether the service is stopping from now on.
func control(r svc.ChangeRequest, to chan<- Control) (stopping bool) {
	var c Control
	switch r.Cmd {
	case svc.Stop:
		c = ControlStop
	case svc.Shutdown, svc.PreShutdown:
		c = ControlShutdown
	case svc.ParamChange:
		c = ControlReload
	default: // Interrogate is answered by the status
		return false
	}
	if c == ControlReload && len(to) >= cap(to)/2 { // one reload does what all of them want; the rest of the room is for stops
		return false
	}
	select {
	case to <- c:
	default: // four stops are waiting, and say the same
	}
	return c != ControlReload
}
