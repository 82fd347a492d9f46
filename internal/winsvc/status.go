package winsvc

import (
	"fmt"
	"time"
)

// State is where the SCM has a service: dwCurrentState of SERVICE_STATUS_PROCESS.
type State uint32

// The states. A service of ours is never paused, but the SCM's word is shown as it is.
const (
	Stopped         State = 1
	StartPending    State = 2
	StopPending     State = 3
	Running         State = 4
	ContinuePending State = 5
	PausePending    State = 6
	Paused          State = 7
)

// String is the state as sc.exe prints it.
func (s State) String() string {
	names := [...]string{"", "STOPPED", "START_PENDING", "STOP_PENDING", "RUNNING", "CONTINUE_PENDING", "PAUSE_PENDING", "PAUSED"}
	if s == 0 || int(s) >= len(names) {
		return fmt.Sprintf("state %d", uint32(s))
	}
	return names[s]
}

// Status is what the SCM says of a service.
type Status struct {
	State    State
	PID      int           // 0 when there is no process
	Exit     uint32        // Win32 code of the last end; ErrorServiceSpecific says that Specific has it
	Specific uint32        // the daemon's own exit status
	WaitHint time.Duration // how long it thinks that the pending state will last
}

// The codes of a service's end that mean something here (winerror.h).
const (
	ErrorProcessAborted  = 1067 // the process ended without a word
	ErrorServiceSpecific = 1066 // ServiceSpecificExitCode has the number
	ErrorNeverStarted    = 1077 // no attempts to start it have been made since the last boot
	ErrorRestart         = 1467 // ERROR_RESTART_APPLICATION: it ended well, and its policy is to be started again
)

// Native is the SCM's word: "RUNNING", "STOPPED, exit 1066 (7)".
func (s Status) Native() string {
	switch {
	case s.State != Stopped || s.Exit == 0 || s.Exit == ErrorNeverStarted:
		return s.State.String()
	case s.Exit == ErrorServiceSpecific:
		return fmt.Sprintf("%s, exit %d (%d)", s.State, s.Exit, s.Specific)
	}
	return fmt.Sprintf("%s, exit %d", s.State, s.Exit)
}

// Failed reports whether the service is stopped because of a failure.
func (s Status) Failed() bool {
	return s.State == Stopped && s.Exit != 0 && s.Exit != ErrorNeverStarted && s.Exit != ErrorRestart
}

// Why says in words how a failed service ended.
func (s Status) Why() string {
	switch s.Exit {
	case ErrorServiceSpecific:
		return fmt.Sprintf("the daemon exited with status %d", s.Specific)
	case ErrorProcessAborted:
		return "the daemon's process was ended"
	}
	return fmt.Sprintf("the Service Control Manager says error %d", s.Exit)
}

// noticeMask are the states whose beginning NotifyServiceStatusChange is to tell of: every one but last, which it would tell of at once (SERVICE_NOTIFY_STOPPED is 1, and so on in
// the order of the states).
func noticeMask(last State) uint32 {
	const all = 1<<Paused - 1
	if last < Stopped || last > Paused {
		return all
	}
	return all &^ (1 << (last - 1))
}
