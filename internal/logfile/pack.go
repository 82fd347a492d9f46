package logfile

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

var errStopped = errors.New("compression was stopped")

// packer is one run of the goroutine that compresses rotated files. It exists only while there is something to compress.
type packer struct {
	stop atomic.Bool
	done chan struct{}
	n    int // number of the file being compressed, 0 when it is gone; guarded by Writer.mu
}

// moved follows a renaming of the file being compressed.
func (k *packer) moved(from, to int) {
	if k.n == from {
		k.n = to
	}
}

// pack starts compressing if there is something to compress. The caller holds w.mu.
func (w *Writer) pack() {
	if w.packer != nil || w.closed || w.nextToPack() == 0 {
		return
	}
	k := &packer{done: make(chan struct{})}
	w.packer = k
	go w.runPacker(k)
}

// nextToPack is the newest plain file from number 2 on, or 0. One with holes stays as it is: it may be a terabyte that takes no disk, and hours to compress.
func (w *Writer) nextToPack() int {
	if !w.p.Compress {
		return 0
	}
	all, err := slots(w.p.Path)
	if err != nil {
		return 0
	}
	for _, s := range all {
		if s.n >= 2 && s.plain && !s.gz && !hasHole(plainName(w.p.Path, s.n)) {
			return s.n
		}
	}
	return 0
}

// runPacker compresses one file after the other. Then it returns the memory of the compressor.
func (w *Writer) runPacker(k *packer) {
	defer close(k.done)
	for w.packOne(k) {
	}
	w.mu.Lock()
	closed := w.closed
	w.mu.Unlock()
	if !closed { // Close does not wait for that, a flood that has stopped k leaves it to nobody else
		debug.FreeOSMemory()
	}
}

// inBackground runs f on a thread of the lowest priority and waits for it: under load f gets what nobody else wants. f takes no lock, or others would wait for it. The thread
// is not used again: it ends with its goroutine (runtime.LockOSThread).
func inBackground(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		lowerPriority()
		f()
	}()
	<-done
}

// packOne compresses one file and reports whether there may be another. When there is none k is retired, under the same lock.
func (w *Writer) packOne(k *packer) bool {
	w.mu.Lock()
	k.n = w.nextToPack()
	path, from := w.p.Path, plainName(w.p.Path, k.n)
	if k.n == 0 || k.stop.Load() || w.closed {
		w.packer = nil
		w.mu.Unlock()
		return false
	}
	src, err := openShared(from)
	w.mu.Unlock()
	if err == nil {
		inBackground(func() { err = compress(src, tempName(path), &k.stop) })
		src.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && k.n > 0 && !w.closed {
		err = safefile.Rename(tempName(path), gzName(path, k.n))
	}
	if err != nil || k.n == 0 || w.closed {
		_ = remove(tempName(path))
	}
	if err != nil || w.closed {
		w.packer = nil
		return false // the next calm rotation or Open tries again
	}
	if k.n > 0 {
		_ = discard(path, plainName(path, k.n)) // if that fails, the compressed one beside it counts
	}
	k.n = 0
	return true
}

// compress writes src to the new file to, with src's time, and syncs it: the plain file is removed next. After an error the file to may be left.
func compress(src *os.File, to string, stop *atomic.Bool) error {
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	f, err := safefile.Open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		panic("internal error: " + err.Error()) // the level is valid
	}
	_, err = io.Copy(z, &stoppable{src, stop})
	err = errors.Join(err, z.Close())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return safefile.SetTime(to, fi.ModTime())
}

// stoppable reads from f until told to stop.
type stoppable struct {
	f    *os.File
	stop *atomic.Bool
}

func (s *stoppable) Read(b []byte) (int, error) {
	if s.stop.Load() {
		return 0, errStopped
	}
	return s.f.Read(b)
}
