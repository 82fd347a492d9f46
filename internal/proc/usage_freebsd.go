package proc

import (
	"fmt"
	"os"
)

func samples([]int) (map[int]sample, error) {
	_, b, err := kinfoSysctl("kern.proc.proc")
	if err != nil {
		return nil, fmt.Errorf("sysctl kern.proc.proc: %w", err)
	}
	page := int64(os.Getpagesize())
	table := map[int]sample{}
	for len(b) > 0 {
		k, n, err := parseKinfo(b)
		if err != nil {
			return nil, err
		}
		b = b[n:]
		if k.pid > 0 && !k.zombie {
			table[k.pid] = sample{ppid: k.ppid, cpu: k.cpu, memory: k.pages * page}
		}
	}
	return table, nil
}
