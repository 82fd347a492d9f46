//go:build unix

package supervise

import (
	"context"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// TestEndOfOneThatHasEnded: between the look at a process and its kill it may end by itself, which is no failure.
func TestEndOfOneThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, h := testenv.Zombie(t)
	if err := endHeld(ctx, h); err != nil {
		t.Errorf("of a process that has just ended: %v", err)
	}
}
