//go:build unix

package supervise

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
)

// TestRequestsOfEachKind: a flood of signals of one kind, while nobody takes a request, does not lose those of another.
func TestRequestsOfEachKind(t *testing.T) {
	requests, stop, err := WatchRequests(pidfile.Ref{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer signal.Reset(syscall.SIGPIPE)
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer signal.Stop(heard)
	send := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		<-heard // else the kernel makes one of two
	}
	for range 20 {
		send(syscall.SIGHUP)
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		send(s)
	}
	missing := map[string]bool{"signal SIGHUP": true, "signal SIGTERM": true, "signal SIGINT": true, "signal SIGQUIT": true}
	late := time.After(time.Minute)
	for len(missing) > 0 {
		select {
		case r := <-requests:
			delete(missing, r.By)
		case <-late:
			t.Fatalf("not heard: %v", missing)
		}
	}
}
