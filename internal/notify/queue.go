package notify

import "time"

const (
	burst   = 32                     // calls of the handler that may follow each other at once
	spacing = 100 * time.Millisecond // between two calls after that
	maxHeld = 64                     // datagrams whose descriptors wait for a call
)

// descriptors came with one datagram and are ours to close.
type descriptors []int

// queue calls the handler, at most as often as burst and spacing allow, and merges what comes faster. It has no goroutine and no timer:
// the reader calls tick when due has passed.
type queue struct {
	handle   func(Message)
	tokens   int       // calls that may be made at once
	refilled time.Time // when tokens last grew

	pending *Message      // merged, not yet handled
	held    []descriptors // to be closed after pending was handled
	due     time.Time     // when pending must be handled; zero when there is none
	armed   time.Time     // the due that the reader knows of
}

// add takes one message, or nil, and the descriptors that came with it.
func (q *queue) add(m *Message, fds descriptors, now time.Time) {
	q.refill(now)
	switch {
	case m == nil:
	case q.pending != nil:
		q.pending.add(*m)
	default:
		q.pending = m
	}
	if q.pending == nil || len(q.held) >= maxHeld { // nothing to wait for, or a flood of barriers
		fds.close()
	} else if len(fds) > 0 {
		q.held = append(q.held, fds)
	}
	q.tick(now)
}

// tick handles what is pending if that is allowed now, and otherwise says when.
func (q *queue) tick(now time.Time) {
	q.refill(now)
	switch {
	case q.pending == nil:
		q.due = time.Time{}
	case q.tokens > 0:
		q.tokens--
		q.flush()
	default:
		q.due = q.refilled.Add(spacing)
	}
}

func (q *queue) refill(now time.Time) {
	n := int(min(now.Sub(q.refilled)/spacing, burst))
	if n <= 0 {
		return
	}
	q.tokens = min(q.tokens+n, burst)
	q.refilled = now
}

// flush handles what is pending, whatever the rate, and releases the senders that wait for it.
func (q *queue) flush() {
	if m := q.pending; m != nil {
		q.pending, q.due = nil, time.Time{}
		q.handle(*m)
	}
	for _, fds := range q.held {
		fds.close()
	}
	q.held = nil
}
