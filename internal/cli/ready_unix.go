//go:build unix

package cli

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// readyOn returns what tells on the descriptor fd whether the daemon is ready, once: by a newline, or by closing it (s6-supervise(1), "Readiness notification support"). The
// workload does not inherit it.
func readyOn(fd int) func(ready bool) {
	if fd <= 2 {
		return func(bool) {}
	}
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "ready")
	return func(ready bool) {
		if f == nil {
			return
		}
		if ready {
			_, _ = f.Write([]byte{'\n'}) // whoever asked may be gone
		}
		_ = f.Close()
		f = nil
	}
}

// endBySignal ends this process by SIGTERM, as programs do that were asked to end by it: the finish script of a service directory tells by that an end that was asked for, after which its
// supervisor knows what is wanted (sv restart, s6-svc -r), from one that the daemon has chosen.
func endBySignal() {
	signal.Reset(syscall.SIGTERM)
	if syscall.Kill(os.Getpid(), syscall.SIGTERM) == nil {
		<-time.After(time.Second) // the signal comes first; where it is blocked the process ends as usual
	}
}

// awaited reports whether an `apexd start` waits for the daemon of this service directory: it holds a lock on the run script meanwhile, and there is no other way to say it
// through the supervisor.
func awaited(k service.Registration) bool {
	if k.Backend != service.KindRunit && k.Backend != service.KindS6 {
		return false
	}
	f, err := os.Open(filepath.Join(k.Service, "run"))
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}
