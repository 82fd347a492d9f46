package logfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

const fileMode = 0o640

// ErrClosed is returned by a Writer after Close.
var ErrClosed = errors.New("log is closed")

// Writer appends to one log and rotates it. All methods are safe for concurrent use. It has no timer and no goroutine of its own, except
// one while rotated files are being compressed.
type Writer struct {
	now   func() time.Time
	grace time.Duration
	tap   atomic.Pointer[func([]byte)]

	mu       sync.Mutex
	p        service.LogPolicy
	f        *os.File // nil only when it could not be opened again
	id       os.FileInfo
	size     int64 // what the file holds, as far as we know: others may truncate it, or append to it
	mid      bool  // the file ends within a line
	last     time.Time
	idx      index
	rotated  time.Time // the last rotation
	retryAt  int64     // a rotation has failed: not again before this size
	lost     loss
	relays   int
	queue    []*queued // lines that wait for a line boundary
	packer   *packer   // nil while nothing is compressed
	onReopen func(*os.File)
	closed   bool
}

// Open opens the log of p for appending, made with mode 0640 if it does not exist, and clears away what a crash may have left. Errors are those of
// safefile.Open: a link, a FIFO or a directory in its place is refused.
func Open(p service.LogPolicy) (*Writer, error) { return open(p, time.Now) }

func open(p service.LogPolicy, now func() time.Time) (*Writer, error) {
	w := &Writer{p: p, now: now, grace: lineGrace}
	if err := w.openFile(); err != nil {
		return nil, err
	}
	w.idx = loadIndex(p.Path, w.size)
	w.tidy()
	w.prune(now())
	w.pack()
	return w, nil
}

func (w *Writer) openFile() error {
	f, err := safefile.Open(w.p.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, fileMode) // readable too: for the last byte
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if w.f != nil {
		w.f.Close()
	}
	w.f, w.id, w.size, w.retryAt = f, fi, fi.Size(), 0
	w.mid = endsWithin(f, w.size)
	if w.onReopen != nil {
		w.onReopen(f)
	}
	return nil
}

// endsWithin reports whether the last of size bytes is not a newline.
func endsWithin(f io.ReaderAt, size int64) bool {
	var b [1]byte
	if size == 0 {
		return false
	}
	_, err := f.ReadAt(b[:], size-1)
	return err == nil && b[0] != '\n'
}

// Write appends b as it is, and rotates first where the file would pass its limit. After an error the rest of b is dropped and counted, and
// the log says how much was lost as soon as it can be written again: the caller goes on, and need not try again.
func (w *Writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(b, w.now())
}

func (w *Writer) write(b []byte, now time.Time) (int, error) {
	if w.closed {
		return 0, ErrClosed
	}
	w.last = now
	if w.lost.bytes > 0 {
		if err := w.reportLoss(now); err != nil {
			w.lost.add(b, err)
			return 0, err
		}
	}
	done := w.lost.resume(b)
	if end := w.boundary(b[done:]); end > 0 {
		n, err := w.spread(b[done:done+end], now)
		if done += n; err != nil {
			w.lost.add(b[done:], err)
			return done, err
		}
		w.flushQueue(now)
	}
	n, err := w.spread(b[done:], now)
	if done += n; err != nil {
		w.lost.add(b[done:], err)
	}
	return done, err
}

// boundary returns the length of b's first line when something waits for it to end, else 0.
func (w *Writer) boundary(b []byte) int {
	if len(w.queue) == 0 {
		return 0
	}
	return bytes.IndexByte(b, '\n') + 1
}

// spread writes b to the file and, where it is full, to the next ones.
func (w *Writer) spread(b []byte, now time.Time) (int, error) {
	done := 0
	for done < len(b) {
		n, full := w.room(b[done:])
		if n > 0 && w.mark(now) {
			n, full = w.room(b[done:])
		}
		if n > 0 {
			m, err := w.put(b[done : done+n])
			done += m
			if err != nil {
				return done, err
			}
		}
		if full {
			w.rotate(now)
		}
	}
	return done, nil
}

// room is fit for the present file, which has no limit for a while when it could not be rotated.
func (w *Writer) room(b []byte) (n int, full bool) {
	if w.size < w.retryAt {
		return len(b), false
	}
	return fit(w.p.MaxSize, w.size, w.mid, b)
}

// put writes b to the present file. When that fails the file may be gone (ESTALE on a network file system, a failed reopening): it is opened once more.
func (w *Writer) put(b []byte) (int, error) {
	n, err := w.append(b)
	if err == nil || !w.replaced() && w.f != nil {
		return n, err
	}
	if e := w.reopen(); e != nil {
		return n, err
	}
	m, err := w.append(b[n:])
	return n + m, err
}

func (w *Writer) append(b []byte) (int, error) {
	if w.f == nil {
		return 0, os.ErrClosed
	}
	n, err := w.f.Write(b)
	if n > 0 {
		w.size += int64(n)
		w.mid = b[n-1] != '\n'
	}
	return n, err
}

// mark keeps the time index, at most once a second of output and at the start of each file. That is also when it is noticed that somebody has truncated,
// renamed or deleted the file: two system calls a second while there is output, none without. It reports whether it has looked.
func (w *Writer) mark(now time.Time) bool {
	ms := now.UnixMilli()
	if !w.idx.due(ms) {
		return false
	}
	w.look()
	if w.p.MaxAge > 0 && w.idx.born > 0 && ms-w.idx.born > w.p.MaxAge.Milliseconds() && !w.mid && w.size >= max(w.retryAt, 1) {
		w.rotate(now)
	}
	w.idx.add(w.p.Path, w.size, ms)
	return true
}

// look compares what we know of the file with what is there.
func (w *Writer) look() {
	if w.replaced() {
		if err := w.reopen(); err == nil {
			return
		}
	}
	if w.f == nil {
		return
	}
	fi, err := w.f.Stat()
	if err != nil {
		return
	}
	if fi.Size() != w.size {
		if fi.Size() < w.size { // copytruncate
			w.idx.reset(w.p.Path)
			w.retryAt = 0
		}
		w.size = fi.Size()
		w.mid = endsWithin(w.f, w.size)
	}
}

// replaced reports whether the path no longer names our file.
func (w *Writer) replaced() bool {
	is, err := safefile.Names(w.p.Path, w.id)
	return err == nil && !is
}

// reopen takes the path anew. On failure the old file stays in use. Somebody else renames our files, so the numbers of the indexes say nothing any more.
func (w *Writer) reopen() error {
	if err := w.openFile(); err != nil {
		return err
	}
	dropIndexes(w.p.Path)
	w.idx = index{}
	return nil
}

// Reopen opens the log's path anew when it no longer names our file: after logrotate, or after the file was deleted. Without a call the same is noticed
// within a second of output (see mark).
func (w *Writer) Reopen() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	if w.f == nil || w.replaced() {
		return w.reopen()
	}
	w.look()
	return nil
}

// SetPolicy changes the bounds. The path cannot be changed: p.Path is not looked at.
func (w *Writer) SetPolicy(p service.LogPolicy) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.Path = w.p.Path
	w.p = p
	w.prune(w.now())
	w.pack()
}

// File returns the present file, for dup2 onto standard error. It is closed at the next rotation: see OnReopen.
func (w *Writer) File() *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.f
}

// OnReopen has f called with each file that takes the place of the present one, before the old one is forgotten; nil ends that. f must not call w.
func (w *Writer) OnReopen(f func(*os.File)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.onReopen = f
}

// closeWait bounds how long Close waits for a compression that has been told to stop: it looks after every 64 KiB, so only a slow disk comes near this.
const closeWait = 250 * time.Millisecond

// Close writes what waits and closes the file. A compression under way is given up: the plain file stays, and the next Open compresses it.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	now := w.now()
	w.flushQueue(now)
	if w.lost.bytes > 0 {
		_ = w.reportLoss(now) // nobody is left to tell
	}
	w.closed = true
	p := w.packer
	var err error
	if w.f != nil {
		err = w.f.Close()
		w.f = nil
	}
	w.mu.Unlock()
	if p != nil {
		p.stop.Store(true)
		t := time.NewTimer(closeWait)
		defer t.Stop()
		select {
		case <-p.done:
		case <-t.C:
		}
	}
	return err
}
