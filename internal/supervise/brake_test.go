package supervise

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func TestRecent(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := service.RestartPolicy{Window: time.Minute, Healthy: 30 * time.Second}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, row := range []struct {
		name  string
		tries []time.Time
		took  time.Duration
		want  int
	}{
		{"none", nil, time.Second, 0},
		{"within the window", []time.Time{ago(59 * time.Second), ago(time.Second)}, time.Second, 2},
		{"one is old", []time.Time{ago(time.Minute), ago(time.Second)}, time.Second, 1},
		{"it was healthy meanwhile", []time.Time{ago(40 * time.Second)}, 30 * time.Second, 0},
		{"the clock was set back", []time.Time{now.Add(time.Hour)}, time.Second, 1},
	} {
		if got := recent(p, row.tries, row.took, now); len(got) != row.want {
			t.Errorf("%s: %v, want %d", row.name, got, row.want)
		}
	}
}

// TestBrake runs one daemon after the other, as a manager does that knows no limit, until one says that this is enough.
func TestBrake(t *testing.T) {
	for _, row := range []struct {
		name   string
		policy service.RestartPolicy
		clear  int // a person starts it again after so many
		want   int // processes until it has had enough; 0 is never
	}{
		{"a limit", service.RestartPolicy{When: service.RestartOnFailure, Limit: 2, Window: time.Hour}, 0, 3},
		{"a person's start does not count", service.RestartPolicy{When: service.RestartAlways, Limit: 2, Window: time.Hour}, 2, 5},
		{"no limit", service.RestartPolicy{When: service.RestartOnFailure, Window: time.Hour}, 0, 0},
		{"a window that is over each time", service.RestartPolicy{When: service.RestartOnFailure, Limit: 1, Window: time.Nanosecond}, 0, 0},
		{"healthy each time", service.RestartPolicy{When: service.RestartOnFailure, Limit: 1, Window: time.Hour, Healthy: time.Nanosecond}, 0, 0},
		{"never restarted", service.RestartPolicy{When: service.RestartNever, Limit: 1, Window: time.Hour}, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			ref := projectRef(t)
			for n := 1; n <= 6; n++ {
				settled := failing(t, ref, row.policy)
				st := ref.Look().Status(ref, service.DefaultName)
				if settled != (n == row.want) {
					t.Fatalf("process %d: settled %t: %+v", n, settled, st)
				}
				if settled {
					if st.StatusText == nil || !strings.Contains(*st.StatusText, "gave up after 2 restarts") || st.Restarts != 2 {
						t.Errorf("%d restarts, %v", st.Restarts, st.StatusText)
					}
					return
				}
				if n == row.clear {
					if err := os.Remove(ref.Path); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// failing is one daemon of launchd whose workload fails, and whether it has said that nobody is to start it again.
func failing(t *testing.T, ref pidfile.Ref, p service.RestartPolicy) (settled bool) {
	t.Helper()
	err := Run(t.Context(), Options{
		Spec: failingSpec(ref, p),
		Ref:  ref, Keeper: service.NewRegistration(service.KindLaunchd, service.ScopeUser, ref.Project, service.DefaultName), Brake: true, Settled: func() { settled = true },
		NewLogger: func(Log, service.LogPolicy) Logger { return silent{} },
		Func: func(_ context.Context, _ Daemon, ready func(string)) error {
			ready("")
			return errors.New("it fails")
		},
	})
	var ended *ExitError
	if !errors.As(err, &ended) {
		t.Fatalf("%v", err)
	}
	return settled
}
