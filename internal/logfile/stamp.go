package logfile

import (
	"bytes"
	"time"
)

const stampText = 64 // how far into a line its time is looked for; JSON lines: levelJSON

// stampOf finds the time that a line carries: 2006-01-02T15:04:05 or 2006/01/02 15:04:05, then a fraction and a zone (Z, +01:00, +0100) where they are given.
// Without a zone it is local time.
func stampOf(line []byte) (time.Time, bool) {
	limit := stampText
	if bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte{'{'}) {
		limit = levelJSON
	}
	line = line[:min(len(line), limit+40)]
	for i := 0; i < min(len(line), limit); i++ {
		if isDigit(line[i]) && (i == 0 || !isDigit(line[i-1])) {
			if t, ok := stampAt(line[i:]); ok {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

// stampAt reads the time that b begins with.
func stampAt(b []byte) (time.Time, bool) {
	const form = "0000-00-00T00:00:00"
	if len(b) < len(form) || b[4] != b[7] || b[4] != '-' && b[4] != '/' || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return time.Time{}, false
	}
	var v [6]int
	for k, i := range [...]int{0, 5, 8, 11, 14, 17} {
		n := 2
		if k == 0 {
			n = 4
		}
		if !allDigits(b[i : i+n]) {
			return time.Time{}, false
		}
		for _, c := range b[i : i+n] {
			v[k] = v[k]*10 + int(c-'0')
		}
	}
	if v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 60 {
		return time.Time{}, false
	}
	nsec, rest := fraction(b[len(form):])
	return time.Date(v[0], time.Month(v[1]), v[2], v[3], v[4], v[5], nsec, zone(rest)), true
}

// fraction reads .123 or ,123 as nanoseconds.
func fraction(b []byte) (int, []byte) {
	if len(b) < 2 || b[0] != '.' && b[0] != ',' || !isDigit(b[1]) {
		return 0, b
	}
	nsec, unit := 0, 100_000_000
	b = b[1:]
	for len(b) > 0 && isDigit(b[0]) {
		nsec += int(b[0]-'0') * unit
		unit /= 10
		b = b[1:]
	}
	return nsec, b
}

func zone(b []byte) *time.Location {
	if len(b) > 0 && b[0] == 'Z' {
		return time.UTC
	}
	if len(b) < 5 || b[0] != '+' && b[0] != '-' || !allDigits(b[1:3]) {
		return time.Local
	}
	m := bytes.TrimPrefix(b[3:], []byte{':'})
	if len(m) < 2 || !allDigits(m[:2]) {
		return time.Local
	}
	num := func(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }
	sec := num(b[1:3])*3600 + num(m)*60
	if b[0] == '-' {
		sec = -sec
	}
	return time.FixedZone("", sec)
}
