package backends

import (
	"context"
	"os"

	"github.com/joshuaaferguson/apexd/internal/supervise"
)

// daemonKey is the place, in the context of a Workload, of the supervise.Daemon around it.
type daemonKey struct{}

// Sockets are what "sockets" in the configuration asks for, open and in its order, for the Workload that was given ctx. Each file has its socket's name,
// and is the caller's to close: net.FileListener and net.FilePacketConn make Go's own of it. The sockets themselves stay open until Run returns, so that
// connections wait while the workload restarts. Without a Workload's context, or without sockets, there are none.
func Sockets(ctx context.Context) ([]*os.File, error) {
	d, ok := ctx.Value(daemonKey{}).(supervise.Daemon)
	if !ok {
		return nil, nil
	}
	return d.Sockets()
}
