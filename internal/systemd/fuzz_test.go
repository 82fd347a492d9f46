package systemd

import (
	"encoding/json"
	"testing"
	"time"
)

func FuzzParseVersion(f *testing.F) {
	for _, s := range []string{"252", "252.38-1~deb12u1", "systemd 255 (255.4)", "99999999999999999999", "systemd systemd 1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n := parseVersion(s); n < 0 || n > 1<<24 {
			t.Errorf("%q is version %d", s, n)
		}
	})
}

func FuzzInstant(f *testing.F) {
	for _, s := range []string{"@1700000000", "1700000000000000", "0", "@", "@-1", "9223372036854775807", "@9223372036854775807", "n/a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at := instant(s)
		if _, err := json.Marshal(at); err != nil || !at.IsZero() && at.Before(time.Unix(0, 0)) {
			t.Errorf("%q is %s, %v", s, at, err)
		}
	})
}
