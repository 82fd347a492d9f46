package config

import (
	"math"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	good := map[string]time.Duration{
		"0": 0, "0s": 0, "10s": 10 * time.Second, "1.5s": 1500 * time.Millisecond, "500ms": 500 * time.Millisecond, "1h2m3s": time.Hour + 2*time.Minute + 3*time.Second,
		"30d": 30 * day, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "5µs": 5 * time.Microsecond, "5us": 5 * time.Microsecond, "7ns": 7, "1s1s": 2 * time.Second,
		"106751d": 106751 * day,
	}
	for s, want := range good {
		if got, f := parseDuration(s); f != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", s, got, f, want)
		}
	}
	bad := map[string]string{
		"": "is not a duration", "10": "has no unit", "1.5": "has no unit", "00": "has no unit", "-1s": "is negative", "-0": "is negative", "+1s": "is not a duration",
		"10 s": "is not a duration", " 10s": "is not a duration", "10s ": "is not a duration", "10sec": "is not a duration", "10 seconds": "is not a duration", "s": "is not a duration",
		".5s": "is not a duration", "5.s": "is not a duration", "1.2.3s": "is not a duration", "1m30": "is not a duration", "10S": "is not a duration", "1w": "is not a duration",
		"infinity": "is not a duration", "106752d": "is too long", "106751d1d": "is too long", "9999999999999999999999d": "is too long", "9223372036854775808ns": "is too long",
	}
	for s, want := range bad {
		if _, f := parseDuration(s); f == nil || f.text != quoted(s)+" "+want || f.fix == "" {
			t.Errorf("%q: %v, want %q", s, f, want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "10s": 10 * time.Second, "1m": time.Minute, "1m30s": 90 * time.Second, "1h": time.Hour, "2h30m": 150 * time.Minute, "30d": 30 * day, "1d1s": day + time.Second,
		"500ms": 500 * time.Millisecond, "1h0m1s": time.Hour + time.Second,
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"0", "10s", "1d12h", "1.5h", "10", "-1s", "", "1..s", "999999999999d", "1µs", "1μs", "106751d23h47m16.854775807s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, fault := parseDuration(s)
		if fault != nil {
			return
		}
		if again, f := parseDuration(formatDuration(d)); d < 0 || f != nil || again != d {
			t.Errorf("%q: %d, as %q: %d, %v", s, d, formatDuration(d), again, f)
		}
		if std, err := time.ParseDuration(s); err == nil && std != d {
			t.Errorf("%q: %d; the standard library says %d", s, d, std)
		}
	})
}

func TestParseSize(t *testing.T) {
	good := map[string]int64{
		"0": 0, "1024": 1024, "10b": 10, "512k": 512 << 10, "512K": 512 << 10, "10M": 10 << 20, "1g": 1 << 30, "10MiB": 10 << 20, "10mib": 10 << 20, "10MB": 10e6, "1kB": 1000, "1KB": 1000,
		"2GB": 2e9, "8388607GiB": 8388607 << 30, "9223372036854775807": math.MaxInt64,
	}
	for s, want := range good {
		if got, f := parseSize(s); f != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", s, got, f, want)
		}
	}
	bad := map[string]string{
		"": "is not a size", "MB": "is not a size", "-1": "is not a size", "+1": "is not a size", "1.5MB": "is not a size", "10 MB": "is not a size", "10TB": "is not a size", "10kk": "is not a size",
		"10ib": "is not a size", "10ki": "is not a size", "1_000": "is not a size", "0x10": "is not a size", "9999999999g": "is too much", "9223372036854775808": "is too much",
	}
	for s, want := range bad {
		if _, f := parseSize(s); f == nil || f.text != quoted(s)+" "+want || f.fix == "" {
			t.Errorf("%q: %v, want %q", s, f, want)
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "10MB", "512k", "1GiB", "b", "10ib", "99999999999999999999", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, fault := parseSize(s)
		if fault != nil {
			return
		}
		if again, f := parseSize(formatSize(n)); n < 0 || f != nil || again != n {
			t.Errorf("%q: %d, as %q: %d, %v", s, n, formatSize(n), again, f)
		}
	})
}
