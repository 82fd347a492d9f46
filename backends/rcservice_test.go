package backends

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestMergeRC has a row for every pair of lock and OpenRC's word that means something of its own.
func TestMergeRC(t *testing.T) {
	const main = 42
	reg := service.Registration{Backend: service.KindOpenRC, Scope: service.ScopeSystem, Service: "apex-x"}
	word := func(w string, child, supervisor int) rcService {
		return rcService{Word: w, Child: child, ChildAlive: child != 0, Supervisor: supervisor, Levels: []string{"default"}}
	}
	gone := rcService{Word: openrc.Started, Child: main, Supervisor: 41, Levels: []string{"default"}}
	never, failed := gone, word(openrc.Stopped, 0, 0)
	never.Never, failed.Failed = true, true
	tests := []struct {
		name    string
		pid     int           // of who holds the lock, 0 nobody
		by      service.Kind  // of the record
		state   service.State // of the record
		rc      rcService
		want    service.State
		native  string
		warning string
		text    string
	}{
		{"running", main, "openrc", "running", word(openrc.Started, main, 41), "running", "started", "", ""},
		{"starting, locked", main, "openrc", "starting", word(openrc.Starting, main, 41), "starting", "starting", "", ""},
		{"starting, about to lock", 0, "direct", "stopped", word(openrc.Starting, main, 41), "starting", "starting", "", ""},
		{"stopping", main, "openrc", "running", word(openrc.Stopping, main, 41), "stopping", "stopping", "", ""},
		{"stopping, lock released", 0, "direct", "stopped", word(openrc.Stopping, 0, 41), "stopping", "stopping", "", ""},
		{"between two tries", 0, "openrc", "failed", gone, "restarting", "started", "", ""},
		{"between, and there will be none", 0, "openrc", "failed", never, "failed", "started", "", ""},
		{"the next try, about to lock", 0, "openrc", "failed", word(openrc.Started, 43, 41), "restarting", "started", "", ""},
		{"a final end", 0, "direct", "stopped", word(openrc.Started, 43, 41), "stopped", "started", "", ""},
		{"the supervisor was killed", main, "openrc", "running", word(openrc.Unsupervised, main, 0), "running", "unsupervised", "supervisor of apex-x is gone", ""},
		{"both were killed", 0, "openrc", "failed", word(openrc.Unsupervised, 0, 0), "failed", "unsupervised", "", "the supervisor is gone, and so is the daemon"},
		{"crashed", 0, "direct", "stopped", word(openrc.Crashed, 0, 0), "failed", "crashed", "", "the supervisor is gone"},
		{"zapped", main, "openrc", "running", word(openrc.Stopped, main, 0), "running", "stopped", "supervisor of apex-x is gone", ""},
		{"called stopped, and supervised", main, "openrc", "running", word(openrc.Stopped, main, 41), "running", "stopped", "", ""},
		{"stopped", 0, "direct", "stopped", word(openrc.Stopped, 0, 0), "stopped", "stopped", "", ""},
		{"gave up", 0, "openrc", "failed", failed, "failed", "stopped, failed", "", "gave up after 2 restarts; it exited"},
		{"runs outside", 7, "direct", "running", word(openrc.Stopped, 0, 0), "running", "stopped", "runs outside of it", ""},
		{"another process", 7, "openrc", "running", word(openrc.Started, main, 41), "running", "started", "the process of apex-x is 42", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := service.Status{Running: tt.pid != 0, State: tt.state, Backend: string(tt.by), Warnings: []string{}}
			if tt.pid != 0 {
				st.PID = &tt.pid
			}
			if tt.rc.Failed {
				why := "it exited"
				st.StatusText, st.Restarts = &why, 2
			}
			tt.rc.merge(&st, reg)
			if st.State != tt.want || *st.Native != tt.native || !*st.Enabled || !st.Registered || !st.Wanted {
				t.Errorf("%s, native %q, enabled %t, registered %t, wanted %t; want %s", st.State, *st.Native, *st.Enabled, st.Registered, st.Wanted, tt.want)
			}
			if said := strings.Join(st.Warnings, "\n"); !strings.Contains(said, tt.warning) || tt.warning == "" && said != "" {
				t.Errorf("warnings %q, want %q", said, tt.warning)
			}
			if tt.text != "" && (st.StatusText == nil || !strings.Contains(*st.StatusText, tt.text)) {
				t.Errorf("text %v, want %q", st.StatusText, tt.text)
			}
			if by := st.Backend; by != "openrc" && tt.pid != 7 {
				t.Errorf("the backend is %s", by)
			}
		})
	}
}

// fakeRC says one word after another and fails what it is asked.
type fakeRC struct {
	words []openrc.Service // the last one stays
	asked []string
	err   error
}

func (f *fakeRC) Look(string) openrc.Service {
	s := f.words[0]
	if len(f.words) > 1 {
		f.words = f.words[1:]
	}
	return s
}

func (f *fakeRC) Service(_ context.Context, _, verb string) error {
	f.asked = append(f.asked, verb)
	return f.err
}

func (f *fakeRC) StopSupervisor(context.Context, string) error {
	f.asked = append(f.asked, "stop supervisor")
	return nil
}

// TestStatusWhileItGivesUp: the moments in which the supervisor has not said its last word are waited out, where there will be one.
func TestStatusWhileItGivesUp(t *testing.T) {
	gaveUp := openrc.Service{Word: openrc.Stopped, Failed: true}
	for _, row := range []struct {
		name  string
		age   time.Duration // of the failure
		words []openrc.Service
		text  string
	}{
		{"all of them", 0, []openrc.Service{{Word: openrc.Unsupervised, Child: 43}, {Word: openrc.Crashed}, {Word: openrc.Stopped}, gaveUp}, "gave up after 2 restarts; it exited"},
		{"it was killed", 0, []openrc.Service{{Word: openrc.Crashed}}, "the supervisor is gone, and so is the daemon; it exited"},
		{"an hour ago", time.Hour, []openrc.Service{{Word: openrc.Crashed}, gaveUp}, "the supervisor is gone, and so is the daemon; it exited"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			ref := pidfile.Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir}
			l, _, err := ref.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rec := pidfile.Record{
				State: service.StateFailed, Since: pidfile.Time{Time: time.Now().Add(-row.age)}, StatusText: "it exited", Backend: "openrc", Service: "apex-x",
				Workload: &pidfile.Workload{Restarts: 2},
			}
			if err := errors.Join(l.Write(rec), l.Release()); err != nil {
				t.Fatal(err)
			}
			o := &OpenRC{Direct: &Direct{Ref: ref}, Registration: service.Registration{Backend: service.KindOpenRC, Service: "apex-x"}, manager: &fakeRC{words: row.words}}
			st, err := o.Status(t.Context())
			if err != nil || st.State != service.StateFailed || st.StatusText == nil || *st.StatusText != row.text {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
}

func said(words ...string) []openrc.Service {
	var out []openrc.Service
	for _, w := range words {
		out = append(out, openrc.Service{Word: w})
	}
	return out
}

// TestStopRC: what OpenRC is asked when a service is to be stopped that does not run.
func TestStopRC(t *testing.T) {
	refused := &openrc.CommandError{Args: []string{"rc-service"}, Exit: 1, Said: "x is already stopping"}
	for _, row := range []struct {
		name  string
		rc    fakeRC
		asked string
		fails bool
	}{
		{"stopped", fakeRC{words: said("stopped")}, "", false},
		{"its end was final", fakeRC{words: said("started")}, "stop", false},
		{"crashed", fakeRC{words: said("crashed")}, "stop", false},
		{"somebody else stops it", fakeRC{words: said("stopping", "stopping", "stopping", "stopping", "stopped"), err: refused}, "stop", false},
		{"it cannot be stopped", fakeRC{words: said("started"), err: refused}, "stop", true},
		{"the supervisor was left alone", fakeRC{words: []openrc.Service{{Word: "stopped", Supervisor: 41}}}, "stop supervisor", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			o := &OpenRC{Direct: &Direct{Ref: pidfile.Ref{Path: dir + "/daemon.pid", Project: dir}}, Registration: service.Registration{Backend: service.KindOpenRC, Service: "apex-x"}, manager: &row.rc}
			st, err := o.Stop(t.Context(), service.StopOptions{})
			if (err != nil) != row.fails || st.PID != 0 {
				t.Errorf("%+v, %v", st, err)
			}
			if got := strings.Join(row.rc.asked, ", "); got != row.asked {
				t.Errorf("asked %q, want %q", got, row.asked)
			}
		})
	}
}

// TestAwaitRC: a daemon that ends before it is ready, or is started again meanwhile, will not be.
func TestAwaitRC(t *testing.T) {
	for name, s := range map[string]openrc.Service{
		"ended":         {Word: "starting", Child: 42},
		"started again": {Word: "starting", Child: 42, ChildAlive: true, Respawns: 1},
	} {
		dir := t.TempDir()
		o := &OpenRC{Direct: &Direct{Ref: pidfile.Ref{Path: dir + "/daemon.pid", Project: dir}}, manager: &fakeRC{words: []openrc.Service{s}}}
		if err := o.Await(t.Context()); service.CodeOf(err) != service.CodeStartFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
}
