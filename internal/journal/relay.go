package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/journal"
)

const relayBuffer = 64 << 10 // the size of a Linux pipe, pipe(7)

// Relay sends each line of src, and copies src to tee when that is not nil and not the journal itself, until src ends (nil) or fails. A last line without a
// newline is sent then. While journald takes nothing the workload waits 5 s; after that its output is dropped, counted, and the count reported as soon
// as journald listens again. To end a relay early set a read deadline on src, or close it.
func (w *Writer) Relay(src, tee *os.File) error {
	if isStream, _ := journal.StdoutIsJournalStream(); isStream && tee == os.Stdout {
		tee = nil // every line would be there twice
	}
	o := output{w: w, to: w.dial(), priorities: priorities{last: journal.PriInfo}}
	defer o.to.close()
	buf := make([]byte, relayBuffer)
	for have := 0; ; {
		n, err := src.Read(buf[have:])
		if tee != nil && n > 0 {
			if _, e := tee.Write(buf[have : have+n]); e != nil {
				tee = nil
			}
		}
		have = copy(buf, o.take(buf[:have+n], have))
		if err == nil {
			continue
		}
		if have > 0 {
			o.line(buf[:have], false)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	}
}

// output is what one Relay knows of its output.
type output struct {
	w *Writer
	priorities

	to    transport
	pid   int64
	head  []byte
	entry []byte
	mid   bool             // the last entry was a part of a line that goes on
	prio  journal.Priority // of that line
}

// take sends the lines in b, whose first seen bytes hold no newline, and returns the beginning of an unfinished one, maxPart at most.
func (o *output) take(b []byte, seen int) []byte {
	for {
		i := bytes.IndexByte(b[seen:], '\n')
		end := seen + i
		seen = 0
		if i < 0 {
			end = len(b)
		}
		if end > maxPart {
			n := cut(b)
			o.line(b[:n], true)
			b = b[n:]
			continue
		}
		if i < 0 {
			return b
		}
		o.line(b[:end], false)
		b = b[end+1:]
	}
}

// cut is where a part of b, which is longer than maxPart, ends: not within a character.
func cut(b []byte) int {
	for n := maxPart; n > maxPart-utf8.UTFMax; n-- {
		if utf8.RuneStart(b[n]) {
			return n
		}
	}
	return maxPart
}

// line sends a line, or a part of one; more: it goes on.
func (o *output) line(line []byte, more bool) {
	first := !o.mid
	text := line
	if first {
		o.prio, text = o.of(line)
		o.w.recent.add(line)
	}
	o.mid = more
	if pid := o.w.pid.Load(); o.head == nil || pid != o.pid {
		o.pid, o.head = pid, outputHead(o.w.common, int(pid))
	}
	b := append(o.entry[:0], o.head...)
	b = appendPriority(b, o.prio)
	b = appendField(b, fieldMessage, text)
	if len(text) != len(line) {
		b = appendField(b, fieldLine, line)
	}
	if more {
		b = append(b, fieldPart+"="+partMore+"\n"...)
	}
	o.entry = b
	_ = o.w.deliver(o.to, b, outputPatience) // counted, and reported in the journal
	if f := o.w.tap.Load(); f != nil && first {
		(*f)(line)
	}
}
