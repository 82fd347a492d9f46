package cli

import (
	"testing"
	"time"
)

// FuzzSince: a duration is never read as a point in the future.
func FuzzSince(f *testing.F) {
	for _, s := range []string{"", "10m", "3d", "-1h", "2006-01-02", "2006-01-02T15:04:05Z", "9999999d", "1e3h", "2562047h", "NaNd", "d"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		at, err := parseSince(s, now)
		if _, e := time.ParseInLocation(time.DateOnly, s[:min(len(s), 10)], time.UTC); e == nil {
			return // a date may be any
		}
		if err == nil && s != "" && at.After(now) {
			t.Errorf("%q is %s, after %s", s, at, now)
		}
	})
}
