package supervise

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/service"
)

// counter counts lines of the log by their text.
type counter map[string]int

func (c counter) Info(msg string, _ ...any)  { c[msg]++ }
func (c counter) Warn(msg string, _ ...any)  { c[msg]++ }
func (c counter) Error(msg string, _ ...any) { c[msg]++ }

// TestHistoryComesBack: while the history cannot be written the daemon goes on, and once it can, it is; also where it could not be from the beginning.
func TestHistoryComesBack(t *testing.T) {
	for name, from := range map[string]int{"from the beginning": 0, "after a while": 1} {
		t.Run(name, func(t *testing.T) {
			ref := projectRef(t)
			path := HistoryPath(ref)
			inTheWay := func() error { return os.Mkdir(path, 0o755) }
			if from == 0 {
				if err := inTheWay(); err != nil {
					t.Fatal(err)
				}
			}
			lines, runs := counter{}, 0
			err := Run(t.Context(), Options{
				Spec: failingSpec(ref, service.RestartPolicy{When: service.RestartOnFailure}), Ref: ref,
				NewLogger: func(Log, service.LogPolicy) Logger { return lines },
				Func: func(_ context.Context, _ Daemon, ready func(string)) error {
					switch runs++; runs - from {
					case 0:
						if err := errors.Join(os.Remove(path), inTheWay()); err != nil {
							t.Error(err)
						}
					case 2:
						if err := os.Remove(path); err != nil {
							t.Error(err)
						}
					case 3:
						ready("")
						return nil
					}
					return errors.New("it fails")
				},
			})
			if err != nil {
				t.Error(err)
			}
			if failed, back := lines["Cannot write the history, going on without"], lines["The history can be written again"]; failed != 1 || back != 1 {
				t.Errorf("it says %d times that it cannot, and %d times that it can again", failed, back)
			}
			events, _, err := history.Read(path, -1)
			if err != nil || !slices.ContainsFunc(events, func(e history.Event) bool { return e.Event == history.Stopped }) {
				t.Errorf("%+v, %v", events, err)
			}
		})
	}
}
