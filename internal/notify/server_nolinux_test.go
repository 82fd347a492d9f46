//go:build unix && !linux

package notify

import "testing"

func checkSender(t *testing.T, m Message, _ int) {
	t.Helper()
	if m.PID != 0 || m.UID != -1 {
		t.Errorf("the sender is PID %d, UID %d; this system does not say", m.PID, m.UID)
	}
}
