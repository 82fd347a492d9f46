package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day = 24 * time.Hour

	durationPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+)$` // what parseDuration accepts, but for overflow
	sizePattern     = `^[0-9]+([kKmMgG]([iI]?[bB])?|[bB])?$`            // what parseSize accepts, but for overflow
)

// parseDuration reads a duration as time.ParseDuration does, without a sign and with the unit d, 24 hours: 1d12h. A number needs its unit, but for 0.
func parseDuration(s string) (time.Duration, *fault) {
	if s == "0" {
		return 0, nil
	}
	var sum time.Duration
	for rest := s; ; {
		n := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if n <= 0 || strings.HasPrefix(rest, ".") || rest[n-1] == '.' {
			return 0, notDuration(s)
		}
		unit := rest[n:]
		if end := strings.IndexAny(unit, "0123456789."); end >= 0 {
			unit = unit[:end]
		}
		d, ok := oneUnit(rest[:n], unit)
		if !ok {
			return 0, notDuration(s)
		}
		if d >= math.MaxInt64-sum {
			return 0, &fault{quoted(s) + " is too long", "write a shorter time, such as 30d"}
		}
		sum += d
		if rest = rest[n+len(unit):]; rest == "" {
			return sum, nil
		}
	}
}

// oneUnit is number × unit; what does not fit is math.MaxInt64.
func oneUnit(number, unit string) (time.Duration, bool) {
	switch unit {
	case "ns", "us", "µs", "ms", "s", "m", "h", "d":
	default:
		return 0, false
	}
	times := time.Duration(1)
	if unit == "d" {
		unit, times = "h", 24
	}
	d, err := time.ParseDuration(number + unit)
	switch {
	case err != nil && strings.Count(number, ".") > 1:
		return 0, false
	case err != nil || d > math.MaxInt64/times:
		return math.MaxInt64, true
	}
	return d * times, true
}

func notDuration(s string) *fault {
	switch {
	case strings.HasPrefix(s, "-"):
		return &fault{quoted(s) + " is negative", "write a time of 0 or more, such as 10s"}
	case s != "" && strings.Trim(s, "0123456789.") == "":
		return &fault{quoted(s) + " has no unit", "write " + s + "s for seconds; the units are ms, s, m, h, d"}
	}
	return &fault{quoted(s) + " is not a duration", "write a number and its unit without a space: 500ms, 10s, 5m, 2h, 30d"}
}

// formatDuration is the shortest form that parseDuration reads back: 30d, 1h30m, 10s.
func formatDuration(d time.Duration) string {
	var b strings.Builder
	if days := d / day; days > 0 {
		b.WriteString(strconv.FormatInt(int64(days), 10) + "d")
		d %= day
	}
	if d == 0 && b.Len() > 0 {
		return b.String()
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	b.WriteString(s)
	return b.String()
}

// parseSize reads a number of bytes: 10485760, 10MiB and 10M (2^20), 10MB (10^6), and so on with k and G; the case does not matter.
func parseSize(s string) (int64, *fault) {
	digits := strings.TrimRight(s, "kKmMgGiIbB")
	unit, ok := sizeUnit(strings.ToLower(s[len(digits):]))
	if digits == "" || strings.Trim(digits, "0123456789") != "" || !ok {
		return 0, &fault{quoted(s) + " is not a size", "write a whole number of bytes, or one with a unit: 512k, 10MB, 1GiB"}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, &fault{quoted(s) + " is too much", "write a smaller size, such as 100MB"}
	}
	return n * unit, nil
}

func sizeUnit(s string) (int64, bool) {
	switch s {
	case "", "b":
		return 1, true
	case "k", "kib":
		return 1 << 10, true
	case "m", "mib":
		return 1 << 20, true
	case "g", "gib":
		return 1 << 30, true
	case "kb":
		return 1e3, true
	case "mb":
		return 1e6, true
	case "gb":
		return 1e9, true
	}
	return 0, false
}

// formatSize is the largest whole unit that n is a multiple of.
func formatSize(n int64) string {
	for _, u := range [...]struct {
		bytes int64
		name  string
	}{{1 << 30, "GiB"}, {1e9, "GB"}, {1 << 20, "MiB"}, {1e6, "MB"}, {1 << 10, "KiB"}, {1e3, "kB"}} {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
