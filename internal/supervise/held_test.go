package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// TestHeld: what passes is waited for, and nothing else.
func TestHeld(t *testing.T) {
	full := errors.New("too many open files")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, row := range []struct {
		name  string
		ctx   context.Context
		errs  []error // of one try after the other; then there is a handle
		want  error
		tries int
	}{
		{"at once", t.Context(), nil, nil, 1},
		{"no descriptor for a while", t.Context(), []error{full, full}, nil, 3},
		{"no descriptor, and it is gone then", t.Context(), []error{full, proc.ErrNotFound}, proc.ErrNotFound, 2},
		{"gone", t.Context(), []error{proc.ErrNotFound}, proc.ErrNotFound, 1},
		{"not allowed", t.Context(), []error{fmt.Errorf("pidfd_open: %w", fs.ErrPermission)}, fs.ErrPermission, 1},
		{"no time", ended, []error{full}, full, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			tries := 0
			h, err := held(row.ctx, func() (*proc.Handle, error) {
				if tries++; tries <= len(row.errs) {
					return nil, row.errs[tries-1]
				}
				return &proc.Handle{}, nil
			})
			if !errors.Is(err, row.want) || (h == nil) != (err != nil) || tries != row.tries {
				t.Errorf("%v after %d tries, want %v after %d", err, tries, row.want, row.tries)
			}
		})
	}
}
