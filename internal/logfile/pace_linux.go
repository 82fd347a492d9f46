package logfile

import (
	"time"

	"golang.org/x/sys/unix"
)

// pacer lets a flood of small writes gather in the pipe. Without it the relay reads each line as it comes, and the wake-ups cost the workload
// more than the relay does: measured with 100-byte lines, 0.86 of the C floor without and 1.1 with it. While output is slow, or comes in large pieces, it
// does nothing. A Go timer would be no finer than a millisecond here (epoll_wait(2)), in which a flood fills the pipe several times.
type pacer struct{ last time.Time }

const (
	paceRead = 16 << 10         // bytes: a read this large needs no gathering
	paceGap  = time.Millisecond // reads further apart are no flood
	paceWait = 80 * time.Microsecond
)

// after is called after n bytes were read at now.
func (p *pacer) after(now time.Time, n int) {
	if n < paceRead && now.Sub(p.last) < paceGap {
		ts := unix.NsecToTimespec(int64(paceWait))
		_ = unix.Nanosleep(&ts, nil) // an interrupted one is only shorter
	}
	p.last = now
}
