//go:build !linux && !darwin && !freebsd

package fswatch

import "testing"

func TestRemovedIsNeverTold(t *testing.T) {
	if ch, err := Removed(t.Context(), tempDir(t), "a"); ch != nil || err != nil {
		t.Errorf("got %v, %v", ch, err)
	}
}
