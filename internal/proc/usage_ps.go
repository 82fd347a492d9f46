package proc

import (
	"strconv"
	"strings"
	"time"
)

// parsePS reads the answer of ps -axo pid=,ppid=,rss=,time=: a line for each process, rss in KiB, time as [[days-]hours:]minutes:seconds[.hundredths]. What is no such line is left out.
func parsePS(text string) map[int]sample {
	table := map[int]sample{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		kib, err := strconv.ParseUint(f[2], 10, 40)
		cpu, ok := parsePSTime(f[3])
		if pid := parsePID(f[0]); pid > 0 && err == nil && ok {
			table[pid] = sample{ppid: parsePID(f[1]), cpu: cpu, memory: int64(kib) << 10}
		}
	}
	return table
}

func parsePSTime(s string) (time.Duration, bool) {
	var total time.Duration
	if days, rest, found := strings.Cut(s, "-"); found {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, false
		}
		total, s = time.Duration(n)*24*time.Hour, rest
	}
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return 0, false
	}
	unit := time.Second
	for i := len(parts) - 1; i >= 0; i-- {
		n, err := strconv.ParseFloat(parts[i], 64)
		if err != nil || !(n >= 0 && n < 1e7) {
			return 0, false
		}
		total += time.Duration(n * float64(unit)).Round(10 * time.Millisecond)
		unit *= 60
	}
	return total, true
}
