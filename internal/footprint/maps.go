package footprint

import (
	"strconv"
	"strings"
)

// mapping is one range of addresses.
type mapping struct{ start, length uintptr }

// fileMappings are the read-only private mappings of the file exe in maps, the text of /proc/PID/maps (proc_pid_maps(5)):
//
//	00400000-007a3000 r-xp 00000000 fe:00 1234    /usr/bin/apexd
func fileMappings(maps, exe string) []mapping {
	var found []mapping
	for line := range strings.Lines(maps) {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+exe) || f[1] != "r-xp" && f[1] != "r--p" {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		a, err1 := strconv.ParseUint(from, 16, 64)
		b, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && b > a {
			found = append(found, mapping{uintptr(a), uintptr(b - a)})
		}
	}
	return found
}
