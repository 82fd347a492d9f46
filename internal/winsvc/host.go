package winsvc

import "errors"

// ErrNotHosted is Host's error in a process that a person has started.
var ErrNotHosted = errors.New("the Service Control Manager has not started this process")

// Control is what the SCM asks of the service.
type Control string

// The controls. A stop also comes at shutdown.
const (
	ControlStop     Control = "stop"
	ControlShutdown Control = "shutdown"
	ControlReload   Control = "parameter change"
)

// End is how the service's work ended. The zero value is a good end; after any other the SCM carries its recovery actions out.
type End struct {
	Specific uint32 // the daemon's own exit status
	Again    bool   // it ended well, and is to be started again all the same
}

// Hosted is what a service's work hears and says.
type Hosted struct {
	Controls <-chan Control
	Ready    func() // the service is running: call it once
	Awaited  bool   // whoever started it waits until it is ready, and wants no second try
	Again    bool   // nobody did: the SCM started it because it had failed
}
