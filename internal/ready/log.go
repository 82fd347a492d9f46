package ready

import (
	"context"
	"fmt"
	"regexp"
	"sync/atomic"
)

// Log waits for a line of output. All methods are safe for concurrent use. A workload that is started again needs a new Log.
type Log struct {
	pattern atomic.Pointer[regexp.Regexp] // nil after the first match: later lines cost one load, and the pattern's memory is free
	text    string
	lines   atomic.Int64
	ready   chan struct{}
}

// NewLog returns a Log for the first line that pattern matches.
func NewLog(pattern *regexp.Regexp) *Log {
	l := &Log{text: pattern.String(), ready: make(chan struct{})}
	l.pattern.Store(pattern)
	return l
}

// Tap looks at one line. It does not keep it. The time is linear in the length of the line, which its caller bounds.
func (l *Log) Tap(line []byte) {
	pattern := l.pattern.Load()
	if pattern == nil {
		return
	}
	l.lines.Add(1)
	if pattern.Match(line) && l.pattern.CompareAndSwap(pattern, nil) {
		close(l.ready)
	}
}

// Ready is closed at the first match.
func (l *Log) Ready() <-chan struct{} { return l.ready }

// Wait returns nil at the first match, or a [*NotReadyError] when ctx ends before.
func (l *Log) Wait(ctx context.Context) error {
	select {
	case <-l.ready:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-l.ready: // both at once: ready
		return nil
	default:
	}
	n := l.lines.Load()
	return &NotReadyError{
		What: "output", Tries: int(n), Cause: context.Cause(ctx),
		Last: fmt.Errorf("none of %d lines matched %q", n, l.text),
	}
}
