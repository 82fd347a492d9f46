package journal

import (
	"sync"

	"github.com/joshuaaferguson/apexd/internal/logfile"
)

const (
	recentLines = 10
	recentBytes = 2 << 10 // of a line: more than a message shows
)

// recent is the last few lines, for the message about a start that failed. Safe for concurrent use; after the first lines it allocates nothing.
type recent struct {
	mu   sync.Mutex
	ring [recentLines][]byte
	next int // where the next line goes; the oldest one is there
}

func (r *recent) add(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.next] = append(r.ring[r.next][:0], line[:min(len(line), recentBytes)]...)
	r.next = (r.next + 1) % recentLines
}

func (r *recent) last(n int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for i := max(recentLines-n, 0); i < recentLines; i++ {
		if line := r.ring[(r.next+i)%recentLines]; line != nil {
			lines = append(lines, logfile.Clip(line))
		}
	}
	return lines
}
