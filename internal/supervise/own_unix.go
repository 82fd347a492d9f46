//go:build unix

package supervise

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/pidfile"
)

// WatchRequests is for a process that is nothing but the daemon of ref. It turns what the process is sent into requests until stop is called; on Unix, signals: SIGTERM and SIGINT stop, SIGQUIT kills, SIGHUP reloads. SIGPIPE is ignored: the reader of standard output may go.
func WatchRequests(pidfile.Ref) (<-chan Request, func(), error) {
	signal.Ignore(syscall.SIGPIPE)
	sigs := make(chan os.Signal, 4) // two stops and a reload that come together are not lost
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	requests := make(chan Request)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-sigs:
				select {
				case requests <- requestOf(s.(syscall.Signal)):
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return requests, func() { signal.Stop(sigs); close(done) }, nil
}

func requestOf(s syscall.Signal) Request {
	r := Request{Kind: RequestStop, By: "signal " + unix.SignalName(s)}
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
