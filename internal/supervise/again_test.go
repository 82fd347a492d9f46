package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

type silent struct{}

func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// TestAgain: what a manager has started again is counted on; what a person has started is not.
func TestAgain(t *testing.T) {
	dir := testenv.TempDir(t)
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	ref := pidfile.Ref{Path: filepath.Join(dir, ".apex", "daemon.pid"), Project: dir}
	for _, step := range []struct {
		again, deleted bool
		want           int
	}{{false, false, 0}, {true, false, 1}, {true, false, 2}, {false, false, 0}, {true, false, 1}, {true, true, 1}} {
		if step.deleted {
			if err := os.Remove(ref.Path); err != nil {
				t.Fatal(err)
			}
		}
		err := Run(t.Context(), Options{
			Spec: service.Spec{
				Name: service.DefaultName, Project: dir, Dir: dir, StopTimeout: time.Second, Readiness: service.Readiness{Timeout: time.Minute},
				Log: service.LogPolicy{Path: filepath.Join(dir, ".apex", "daemon.log")},
			},
			Ref: ref, Keeper: service.NewRegistration(service.KindWindows, service.ScopeSystem, dir, service.DefaultName), Again: step.again,
			NewLogger: func(Log, service.LogPolicy) Logger { return silent{} },
			Func: func(_ context.Context, d Daemon, ready func(string)) error {
				ready("")
				for bound := time.After(30 * time.Second); d.Status().State != service.StateRunning; {
					select {
					case <-time.After(time.Millisecond): // polling: a Func is not told of what is published
					case <-bound:
						return errors.New("it does not run")
					}
				}
				if got := d.Status().Restarts; got != step.want {
					t.Errorf("while it runs: %d restarts, want %d", got, step.want)
				}
				return errors.New("it fails")
			},
		})
		var ended *ExitError
		if !errors.As(err, &ended) {
			t.Fatalf("%v", err)
		}
		st := ref.Look().Status(ref, service.DefaultName)
		if st.State != service.StateFailed || st.Restarts != step.want || st.LastExit == nil {
			t.Errorf("%+v: %s, %d restarts, last exit %v, want failed with %d", step, st.State, st.Restarts, st.LastExit, step.want)
		}
	}
}

// TestIdleIsTold: once the workload has been ready for a moment, whoever made the daemon is told, so that it can give memory back.
func TestIdleIsTold(t *testing.T) {
	dir := testenv.TempDir(t)
	idle := make(chan struct{}, 2) // one, and another that must not come
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := Run(ctx, Options{
		Spec: service.Spec{
			Name: service.DefaultName, Project: dir, Dir: dir, StopTimeout: time.Second, Readiness: service.Readiness{Timeout: time.Minute},
			Restart: service.RestartPolicy{When: service.RestartNever}, Log: service.LogPolicy{Path: filepath.Join(dir, ".apex", "daemon.log")},
		},
		Ref:       pidfile.Ref{Path: filepath.Join(dir, ".apex", "daemon.pid"), Project: dir},
		NewLogger: func(Log, service.LogPolicy) Logger { return silent{} },
		Idle:      func() { idle <- struct{}{} },
		Func: func(ctx context.Context, _ Daemon, ready func(string)) error {
			ready("")
			select {
			case <-idle:
			case <-ctx.Done():
				t.Error("nobody said that it is idle")
			}
			return nil
		},
	})
	if err != nil || len(idle) > 0 {
		t.Errorf("%v, said %d times too often", err, len(idle))
	}
}
