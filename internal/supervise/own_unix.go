//go:build unix

package supervise

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// WatchRequests is for a process that is nothing but the daemon of ref. It turns what the process is sent into requests until stop is called; on Unix, signals: SIGTERM and SIGINT stop, SIGQUIT kills, SIGHUP reloads. SIGPIPE is ignored: the reader of standard output may go.
func WatchRequests(pidfile.Ref) (<-chan Request, func(), error) {
	signal.Ignore(syscall.SIGPIPE)
	// A full channel drops what comes (signal.Notify): with one for each kind, a flood of one does not lose the others.
	kills := make(chan os.Signal, 1)
	stops := make(chan os.Signal, 2) // the second, which ends the workload at once, may come together with the first
	reloads := make(chan os.Signal, 1)
	signal.Notify(kills, syscall.SIGQUIT)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(reloads, syscall.SIGHUP)
	requests := make(chan Request)
	done := make(chan struct{})
	go func() {
		for {
			var s os.Signal
			select {
			case s = <-kills:
			case s = <-stops:
			case s = <-reloads:
			case <-done:
				return
			}
			select {
			case requests <- requestOf(s.(syscall.Signal)):
			case <-done:
				return
			}
		}
	}()
	return requests, func() {
		signal.Stop(kills)
		signal.Stop(stops)
		signal.Stop(reloads)
		close(done)
	}, nil
}

func requestOf(s syscall.Signal) Request {
	r := Request{Kind: RequestStop, By: "signal " + proc.SignalName(s)}
	switch s {
	case syscall.SIGQUIT:
		r.Kind = RequestKill
	case syscall.SIGHUP:
		r.Kind = RequestReload
	}
	return r
}

// RedirectStderr makes f the standard error of this process, so that the Go runtime's last words are in the log.
func RedirectStderr(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var dup error
	err = c.Control(func(fd uintptr) { dup = unix.Dup2(int(fd), 2) })
	if err == nil {
		err = dup
	}
	return err
}
