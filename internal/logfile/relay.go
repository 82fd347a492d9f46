package logfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
)

const (
	relayBuffer = 64 << 10 // the size of a Linux pipe, pipe(7)
	tapMax      = 64 << 10 // of a line, for the tap
)

// Relay copies src into the log, and to tee when that is not nil, until src ends (nil) or fails. Nothing is held back: what has been read is written before
// more is read, so that what a SIGKILL of this process can lose is what the pipe holds. The workload is never made to wait for a log
// that cannot be written (see Write). A tee that fails is given up. To end a relay early set a read deadline on src, or close it.
func (w *Writer) Relay(src, tee *os.File) error {
	w.relaying(1)
	defer w.relaying(-1)
	buf := make([]byte, relayBuffer)
	var (
		lines splitter
		pace  pacer
	)
	for {
		n, err := src.Read(buf)
		now := w.now()
		if n > 0 {
			w.relayed(buf[:n], now)
			tee = copyTo(tee, buf[:n])
		}
		lines.feed(buf[:n], w.tap.Load)
		if err != nil {
			lines.end(w.tap.Load())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		pace.after(now, n)
	}
}

func (w *Writer) relaying(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.relays += n
	if w.relays == 0 {
		w.flushQueue(w.now())
	}
}

// relayed writes b. What cannot be written is counted, and reported in the log.
func (w *Writer) relayed(b []byte, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.write(b, now)
}

// copyTo writes b to tee and returns tee, or nil when nobody reads it any more.
func copyTo(tee *os.File, b []byte) *os.File {
	if tee == nil {
		return nil
	}
	if _, err := tee.Write(b); err != nil {
		return nil
	}
	return tee
}

// SetTap has f called with each line of relayed output that ends from now on, without its newline and cut to 64 KiB; nil ends that. f is called by the relay: it
// must not block, and may call SetTap. Without a tap the output is not looked at.
func (w *Writer) SetTap(f func(line []byte)) {
	if f == nil {
		w.tap.Store(nil)
		return
	}
	w.tap.Store(&f)
}

// splitter cuts output into lines. It holds the beginning of an unfinished one.
type splitter struct {
	head []byte
}

// feed gives the lines of b to tap, which may change with each of them.
func (s *splitter) feed(b []byte, tap func() *func([]byte)) {
	for f := tap(); f != nil; f = tap() {
		line, rest, whole := bytes.Cut(b, []byte{'\n'})
		if !whole {
			s.keep(line)
			return
		}
		if len(s.head) > 0 {
			s.keep(line)
			line, s.head = s.head, s.head[:0]
		}
		(*f)(line[:min(len(line), tapMax)])
		b = rest
	}
	s.head = nil
}

func (s *splitter) keep(b []byte) {
	s.head = append(s.head, b[:min(len(b), tapMax-len(s.head))]...)
}

// end gives out a last line without newline.
func (s *splitter) end(tap *func([]byte)) {
	if tap != nil && len(s.head) > 0 {
		(*tap)(s.head)
	}
}
