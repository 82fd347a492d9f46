package service

// Event is what can happen to a daemon. The daemon's own transitions all go through State.On.
type Event string

// The events, in the order of a life.
const (
	EventLaunch   Event = "launch"   // the workload is about to be executed
	EventReady    Event = "ready"    // it is ready, for the first time or again after a reload
	EventReload   Event = "reload"   // it was asked to re-read its configuration, or said that it does
	EventRetry    Event = "retry"    // it ended, and the policy says: once more
	EventGiveUp   Event = "give up"  // it ended badly, and the policy says: no more
	EventComplete Event = "complete" // it ended by itself, well, and is not wanted again
	EventStop     Event = "stop"     // somebody asked for the end
	EventGone     Event = "gone"     // after stop: nothing of it is left
)

// Events lists every event, States every state a running daemon or its record can be in.
var (
	Events = []Event{EventLaunch, EventReady, EventReload, EventRetry, EventGiveUp, EventComplete, EventStop, EventGone}
	States = []State{StateStopped, StateStarting, StateRunning, StateReloading, StateStopping, StateRestarting, StateFailed}
)

// transitions is the whole machine: what is not in it cannot happen, and On says so. The figure in doc.go is printed from it.
var transitions = map[State]map[Event]State{
	StateStopped: {
		EventLaunch: StateStarting,
		EventGiveUp: StateFailed, // it could not even be executed
	},
	StateStarting: {
		EventReady:    StateRunning,
		EventRetry:    StateRestarting,
		EventGiveUp:   StateFailed,
		EventComplete: StateStopped,
		EventStop:     StateStopping,
	},
	StateRunning: {
		EventReady:    StateRunning, // READY=1 may be repeated (sd_notify(3))
		EventReload:   StateReloading,
		EventRetry:    StateRestarting,
		EventGiveUp:   StateFailed,
		EventComplete: StateStopped,
		EventStop:     StateStopping,
	},
	StateReloading: {
		EventReady:    StateRunning,
		EventReload:   StateReloading,
		EventRetry:    StateRestarting,
		EventGiveUp:   StateFailed,
		EventComplete: StateStopped,
		EventStop:     StateStopping,
	},
	StateRestarting: {
		EventLaunch: StateStarting,
		EventRetry:  StateRestarting, // the next try could not be executed
		EventGiveUp: StateFailed,
		EventStop:   StateStopping,
	},
	StateStopping: {
		EventStop: StateStopping, // asked again: at once
		EventGone: StateStopped,
	},
	StateFailed: {
		EventLaunch: StateStarting,
	},
}

// On returns the state after e. It reports false, and s itself, where e has no meaning in s: the caller ignores the event.
func (s State) On(e Event) (State, bool) {
	if to, ok := transitions[s][e]; ok {
		return to, true
	}
	return s, false
}
