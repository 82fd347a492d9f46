package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/spf13/cobra"
)

// TestEachInterrupted: who is interrupted when one is done, and others are not, is not told that all is well.
func TestEachInterrupted(t *testing.T) {
	for _, row := range []struct {
		name string
		at   string // after which somebody interrupts
		done []string
		want error
	}{
		{"never", "", []string{"x", "y", "z"}, nil},
		{"in the middle", "y", []string{"x", "y"}, context.Canceled},
		{"after the last", "z", []string{"x", "y", "z"}, nil},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := &cobra.Command{}
		cmd.SetContext(ctx)
		var done []string
		err := (&app{out: os.Stdout, err: os.Stderr}).each(cmd, []string{"x", "y", "z"}, func(one *app) error {
			done = append(done, one.name)
			if one.name == row.at {
				cancel()
			}
			return nil
		})
		cancel()
		if !errors.Is(err, row.want) || !slices.Equal(done, row.done) {
			t.Errorf("%s: %v, %q; want %v, %q", row.name, err, done, row.want, row.done)
		}
	}
}
