package proc

import (
	"os"
)

// samples reads /proc/PID/stat of every process: one file has parent, processor time and memory. A process that ends meanwhile is left out, and so is one that is hidden from
// this user (hidepid, proc(5)).
func samples([]int) (map[int]sample, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	page := int64(os.Getpagesize())
	table := make(map[int]sample, len(entries))
	var buf [1024]byte
	for _, name := range entries {
		pid := parsePID(name)
		if pid == 0 {
			continue
		}
		b, err := readAt(int(d.Fd()), name+"/stat", buf[:])
		if err != nil {
			continue
		}
		if s, err := parseStat(b); err == nil && s.state != 'Z' {
			table[pid] = sample{ppid: s.ppid, cpu: s.cpu, memory: s.pages * page}
		}
	}
	return table, nil
}
