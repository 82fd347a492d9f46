package logfile

import (
	"testing"
	"time"
)

// FuzzStamp: a line's own time is found without a look beyond the line, and is one that a calendar has.
func FuzzStamp(f *testing.F) {
	for _, s := range []string{
		"2006-01-02T15:04:05Z x", `{"time":"2006-01-02T15:04:05.000+01:00"}`, "2006/01/02 15:04:05", "x 9999-99-99T99:99:99", "2006-02-31 23:59:60,123+2359", "2006-01-02T15:04:05+", "0000-00-00T00:00:00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		at, ok := stampOf(line)
		if ok != !at.IsZero() && ok {
			t.Errorf("%q has the time %s", line, at)
		}
		if ok && (at.Year() < 0 || at.Year() > 10000) {
			t.Errorf("%q has the time %s", line, at.Format(time.RFC3339))
		}
	})
}
