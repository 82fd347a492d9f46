package pidfile

import (
	"os"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// TestRecordThatIsKeptOpen: a program that keeps the record open, as most do, so that it can be neither replaced nor removed, hides no state and makes no clean end look like a crash.
func TestRecordThatIsKeptOpen(t *testing.T) {
	r := newRef(t)
	run := func(states ...service.State) {
		t.Helper()
		l, got, err := r.Acquire(t.Context())
		if err != nil || got.Previous != nil {
			t.Fatalf("%v, previous %+v", err, got.Previous)
		}
		defer l.Release()
		for _, s := range states {
			if err := l.Write(Record{State: s, StatusText: string(s) + string(s)}); err != nil {
				t.Fatal(err)
			}
			if f := r.Look(); !f.Running || f.Record == nil || f.Record.State != s {
				t.Errorf("after %q is written: %+v", s, f)
			}
		}
		if err := l.Remove(); err != nil {
			t.Error(err)
		}
	}
	run(service.StateRunning)
	if err := os.WriteFile(r.Path, []byte("{"), 0o644); err != nil { // what is kept open
		t.Fatal(err)
	}
	reader, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if os.Remove(r.Path) == nil {
		t.Fatal("this system removes what is open") // then this test says nothing
	}
	for range 2 {
		run(service.StateRestarting, service.StateRunning)
		if f := r.Look(); f.Running || f.State != service.StateStopped || f.Record != nil || f.Err != nil {
			t.Errorf("after a clean end: %+v", f)
		}
	}
	reader.Close()
	run(service.StateRunning)
	if _, err := os.Lstat(r.Path); err == nil {
		t.Error("the record is still there when nobody has it open")
	}
}
