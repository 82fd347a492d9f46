package winsvc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"
)

// serveArgument makes this program the service whose name follows.
const serveArgument = "serve-for-a-test"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == serveArgument {
		if err := Host(os.Args[2], serve); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// serve is ready when it has been, and ends with the number of reloads that it has heard.
func serve(h Hosted) End {
	h.Ready()
	var e End
	for c := range h.Controls {
		if c != ControlReload {
			break
		}
		e.Specific++
	}
	return e
}

// registered makes this test's program a service, with the SCM of the machine.
func registered(t *testing.T) *Service {
	t.Helper()
	m, err := mgr.Connect()
	if err != nil {
		t.Skipf("needs an administrator: %v", err)
	}
	defer m.Disconnect()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("apexd-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	made, err := m.CreateService(name, exe, mgr.Config{StartType: mgr.StartManual}, serveArgument, name)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		t.Skipf("needs an administrator: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	made.Close()
	s, err := Open(name, Change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = s.Stop() // most tests have
		_, _ = s.Wait(bounded(t), func(st Status) bool { return st.State == Stopped })
		if err := s.Delete(); err != nil {
			t.Errorf("%v", err)
		}
		s.Close()
	})
	return s
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func in(state State) func(Status) bool { return func(st Status) bool { return st.State == state } }

// TestServiceLife: start, reload, stop, and the exit status.
func TestServiceLife(t *testing.T) {
	s, ctx := registered(t), bounded(t)
	if sent, err := s.Stop(); sent || err != nil {
		t.Errorf("a stop of what is stopped: %v, %v", sent, err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	st, err := s.Wait(ctx, in(Running))
	if err != nil || st.PID == 0 {
		t.Fatalf("%+v, %v", st, err)
	}
	if err := s.Start(); !errors.Is(err, ErrStarted) {
		t.Errorf("a second start: %v", err)
	}
	for range 2 {
		if sent, err := s.Reload(); !sent || err != nil {
			t.Fatalf("reload: %v, %v", sent, err)
		}
	}
	if sent, err := s.Stop(); !sent || err != nil {
		t.Fatalf("stop: %v, %v", sent, err)
	}
	st, err = s.Wait(ctx, in(Stopped))
	if err != nil || st.Exit != ErrorServiceSpecific || st.Specific != 2 || !st.Failed() {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestWatch: the SCM itself tells of each state, without being asked.
func TestWatch(t *testing.T) {
	s := registered(t)
	n, err := watch(s.name, Stopped)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	until := func(state State) {
		t.Helper()
		for {
			received(t, "notice", n.changed)
			st, err := s.Query()
			if err != nil {
				t.Fatal(err)
			}
			if st.State == state {
				return
			}
		}
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	until(Running)
	if _, err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	until(Stopped)
}

// TestWatchAtOnce: what has happened before is told too, so that nothing can come between a question and the watch.
func TestWatchAtOnce(t *testing.T) {
	s := registered(t)
	n, err := watch(s.name, Running)
	if err != nil {
		t.Fatal(err)
	}
	received(t, "notice", n.changed)
	n.close()
}

// TestWatchEnds: whoever waits in vain leaves nothing behind, however often; a callback is made once only, of which there is no end but that of a program with 2000.
func TestWatchEnds(t *testing.T) {
	s := registered(t)
	before := windows.NewCallback(noticed)
	for range 50 {
		n, err := watch(s.name, Stopped)
		if err != nil {
			t.Fatal(err)
		}
		n.close()
	}
	if after := windows.NewCallback(noticed); after != before {
		t.Errorf("callback %x, and before %x", after, before)
	}
	if _, err := watch("apexd-no-such-service", Stopped); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("%v", err)
	}
}

// TestWaitIsBounded: by its context, whose cause it returns with the state.
func TestWaitIsBounded(t *testing.T) {
	s, why := registered(t), errors.New("no more patience")
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := 0
	st, err := s.Wait(ctx, func(Status) bool {
		if asked++; asked == 2 { // the second time, it watches
			cancel(why)
		}
		return false
	})
	if !errors.Is(err, why) || st.State != Stopped {
		t.Errorf("%+v, %v", st, err)
	}
}
