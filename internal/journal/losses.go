package journal

import (
	"fmt"
	"sync"
	"time"
)

// retryEvery is how often entries are tried while journald takes none.
const retryEvery = 100 * time.Millisecond

// losses counts the entries that journald did not take. Safe for concurrent use.
type losses struct {
	mu    sync.Mutex
	n     int64 // not reported yet
	err   error // why
	retry time.Time
}

// before says what to do with an entry: try it, after reporting n lost ones, which are not counted any more; or not, then it is counted, and err says why.
func (l *losses) before(now time.Time) (n int64, try bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n > 0 && now.Before(l.retry) {
		l.n++
		return 0, false, l.err
	}
	n, l.n = l.n, 0
	return n, true, l.err
}

func (l *losses) add(n int64, err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n, l.err, l.retry = l.n+n, err, now.Add(retryEvery)
}

// take returns the count and begins anew.
func (l *losses) take() (n int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, l.n = l.n, 0
	return n, l.err
}

func lossText(n int64, err error) string {
	return fmt.Sprintf("Lost %d lines here: journald did not take them: %v", n, err)
}
