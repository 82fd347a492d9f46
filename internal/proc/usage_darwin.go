package proc

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// psWait bounds ps(1), which takes some 10 ms.
const psWait = 10 * time.Second

func samples([]int) (map[int]sample, error) {
	ctx, cancel := context.WithTimeout(context.Background(), psWait)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/bin/ps", "-axo", "pid=,ppid=,rss=,time=").Output()
	if err != nil {
		return nil, fmt.Errorf("ps: %w", err)
	}
	return parsePS(string(out)), nil
}
