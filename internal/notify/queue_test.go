package notify

import (
	"strconv"
	"testing"
	"time"
)

// testQueue is a queue whose calls are recorded.
func testQueue(start time.Time) (*queue, *[]Message) {
	var calls []Message
	q := &queue{tokens: burst, refilled: start}
	q.handle = func(m Message) { calls = append(calls, m) }
	return q, &calls
}

func status(n int) *Message { return &Message{Status: text(strconv.Itoa(n))} }

func TestQueueBurstThenMerge(t *testing.T) {
	now := time.Unix(1000, 0)
	q, calls := testQueue(now)
	for i := range burst {
		q.add(status(i), nil, now)
		if len(*calls) != i+1 || !q.due.IsZero() {
			t.Fatalf("message %d of the burst: %d calls, due %v", i, len(*calls), q.due)
		}
	}
	q.add(&Message{Ready: true}, nil, now)
	for i := range 1000 {
		q.add(status(i), nil, now)
	}
	if len(*calls) != burst {
		t.Fatalf("%d calls at once, want %d", len(*calls), burst)
	}
	if want := now.Add(spacing); !q.due.Equal(want) {
		t.Fatalf("due %v, want %v", q.due, want)
	}
	q.tick(q.due)
	last := (*calls)[len(*calls)-1]
	if len(*calls) != burst+1 || !last.Ready || *last.Status != "999" {
		t.Errorf("after the flood: %d calls, the last %+v; want one more with Ready and the last status", len(*calls), last)
	}
	if !q.due.IsZero() || q.pending != nil {
		t.Errorf("something is left: due %v", q.due)
	}
}

func TestQueueRate(t *testing.T) {
	now := time.Unix(1000, 0)
	q, calls := testQueue(now)
	const step = time.Millisecond
	for range 10 * time.Second / step {
		now = now.Add(step)
		q.add(&Message{Watchdog: true}, nil, now)
	}
	if n := len(*calls); n < 90 || n > burst+100 {
		t.Errorf("%d calls in 10 s of flood, want at most %d", n, burst+100)
	}
}

func TestQueueRefills(t *testing.T) {
	now := time.Unix(1000, 0)
	q, calls := testQueue(now)
	for range 2 * burst {
		q.add(status(0), nil, now)
	}
	for range 2 {
		now = now.Add(time.Hour)
		q.tick(now)
	}
	*calls = nil
	for i := range burst + 5 {
		q.add(status(i), nil, now)
	}
	if len(*calls) != burst || q.pending == nil {
		t.Errorf("%d calls at once after two long silences, want %d", len(*calls), burst)
	}
}

func TestQueueNothing(t *testing.T) {
	now := time.Unix(1000, 0)
	q, calls := testQueue(now)
	q.add(nil, nil, now)
	q.tick(now.Add(time.Hour))
	q.flush()
	if len(*calls) != 0 || !q.due.IsZero() {
		t.Errorf("%d calls, due %v; want none", len(*calls), q.due)
	}
}

func TestQueueClockStepsBack(t *testing.T) {
	now := time.Unix(1000, 0)
	q, calls := testQueue(now)
	for range burst + 5 {
		q.add(status(0), nil, now.Add(-time.Hour))
	}
	if len(*calls) != burst {
		t.Errorf("%d calls, want %d", len(*calls), burst)
	}
}
