package supervise

import (
	"context"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// supervise-daemon(8) starts again whatever has ended, however it ended: there is no exit status that it would leave alone. So what it has started again although the policy
// says that the end was final stays idle, without lock, record and workload, until the service is stopped.

// unwantedWait is how long a process waits for the signal that ends it, in a service that is being stopped. It may have come before this program: between fork and exec
// a child of supervise-daemon(8) has for a moment its parent's handler, which only takes notice (src/supervise-daemon/supervise-daemon.c of OpenRC, supervisor()).
const unwantedWait = 2 * time.Second

// final reports whether o's daemon has ended for good: the policy allows no further try, or its end was none that calls for one.
func (o Options) final() bool {
	if !o.Again || o.Keeper.Backend != service.KindOpenRC {
		return false
	}
	switch o.Spec.Restart.When {
	case service.RestartNever:
		return true
	case service.RestartOnFailure: // a clean end removes the record
		f := o.Ref.Look()
		return !f.Running && f.Record == nil && !o.Ref.Unfinished()
	}
	return false
}

// idle returns when somebody asks for the end.
func (o Options) idle(ctx context.Context) {
	for {
		select {
		case r := <-o.Signals:
			if r.Kind != RequestReload {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
