package supervise

import (
	"os"

	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/service"
)

// takeSockets claims what a manager handed over, before any child could inherit it. systemd opens sockets; other managers leave that to the daemon.
func (d *daemon) takeSockets() {
	d.sockets = sockets.New(sockets.Options{
		Sockets: d.spec.Sockets, Managed: d.o.Keeper.Backend == service.KindSystemd, Take: d.o.OwnProcess,
	})
	if names := d.sockets.Ignored(); len(names) > 0 {
		d.logger.Warn("The manager handed over sockets that are not configured, ignoring", "sockets", names)
	}
}

// openSockets opens the sockets before the first run, after which they stay open for all the others. A failure is one of the run, and tried again like one.
func (d *daemon) openSockets() error {
	opened, err := d.sockets.Open()
	for _, s := range opened {
		d.logger.Info("Listening for the workload", "socket", s.Name, "address", s.Address)
	}
	return err
}

func (d *daemon) closeSockets() {
	if err := d.sockets.Close(); err != nil {
		d.logger.Warn("Cannot close the workload's sockets", "err", err)
	}
}

// Sockets implements Daemon. It is safe from any goroutine of a run.
func (d *daemon) Sockets() ([]*os.File, error) { return d.sockets.Files() }
