package logfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lineGrace is how long a lifecycle line waits for the end of a line of output that is being written. Output comes in pieces of 64 KiB, so in a flood a line
// is nearly always unfinished, and finished a moment later; a prompt stays unfinished.
const lineGrace = 20 * time.Millisecond

type queued struct {
	line []byte
	done chan error // holds one: the writer does not wait for the reader
}

// WriteLine appends one line, without its newline, on a line of its own. It waits up to 20 ms for an unfinished line of output to end; after that,
// or when no relay could still end it, a newline ends it.
func (w *Writer) WriteLine(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if !w.mid || w.relays == 0 || now.Sub(w.last) > w.grace {
		return w.writeLine(b, now)
	}
	q := &queued{line: b, done: make(chan error, 1)}
	w.queue = append(w.queue, q)
	w.mu.Unlock()
	t := time.NewTimer(w.grace)
	defer t.Stop()
	select {
	case err := <-q.done:
		w.mu.Lock()
		return err
	case <-t.C:
	}
	w.mu.Lock()
	i := slices.Index(w.queue, q)
	if i < 0 {
		return <-q.done
	}
	w.queue = slices.Delete(w.queue, i, i+1)
	return w.writeLine(b, w.now())
}

func (w *Writer) writeLine(b []byte, now time.Time) error {
	if w.closed {
		return ErrClosed
	}
	if w.lost.bytes > 0 {
		if err := w.reportLoss(now); err != nil {
			w.lost.bytes += int64(len(b)) + 1
			return err
		}
	}
	_, err := w.spread(w.freshLine(b), now)
	if err != nil {
		w.lost.bytes, w.lost.err = w.lost.bytes+int64(len(b))+1, err
	}
	return err
}

// freshLine is b and a newline, after a newline where the file ends within a line.
func (w *Writer) freshLine(b []byte) []byte {
	line := make([]byte, 0, len(b)+2)
	if w.mid {
		line = append(line, '\n')
	}
	return append(append(line, b...), '\n')
}

// flushQueue writes the waiting lines.
func (w *Writer) flushQueue(now time.Time) {
	q := w.queue
	w.queue = nil
	for _, l := range q {
		l.done <- w.writeLine(l.line, now)
	}
}

// loss counts what could not be written.
type loss struct {
	bytes int64
	mid   bool // the lost part ended within a line
	err   error
}

func (l *loss) add(b []byte, err error) {
	if len(b) > 0 {
		l.bytes += int64(len(b))
		l.mid = b[len(b)-1] != '\n'
	}
	l.err = err
}

// resume says how many bytes of b are the rest of a line whose start was lost.
func (l *loss) resume(b []byte) int {
	if !l.mid {
		return 0
	}
	l.mid = false
	return bytes.IndexByte(b, '\n') + 1
}

// reportLoss says in the log how much is missing. The count goes on when that cannot be written either.
func (w *Writer) reportLoss(now time.Time) error {
	msg := fmt.Sprintf("Lost %d bytes of output here: %v", w.lost.bytes, w.lost.err)
	_, err := w.spread(w.freshLine(Lifecycle(w.p.Format, now, msg)), now)
	if err != nil {
		w.lost.err = err
		return err
	}
	w.lost.bytes = 0
	return nil
}

// note writes a line of our own about the log itself.
func (w *Writer) note(now time.Time, msg string) {
	b := w.freshLine(Lifecycle(w.p.Format, now, msg))
	if _, err := w.append(b); err != nil {
		w.lost.bytes, w.lost.err = w.lost.bytes+int64(len(b)), err
	}
}

// Lifecycle is a warning in the form, "text" or "json", that the lifecycle logger has (logrus), for what the log says of itself.
func Lifecycle(format string, now time.Time, msg string) []byte {
	stamp := now.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	msg = strings.ToValidUTF8(msg, "\uFFFD")
	if format != "json" {
		return []byte("time=" + strconv.Quote(stamp) + " level=warning msg=" + strconv.Quote(msg))
	}
	b, err := json.Marshal(map[string]string{"level": "warning", "msg": msg, "time": stamp})
	if err != nil {
		panic("internal error: cannot encode strings: " + err.Error())
	}
	return b
}
