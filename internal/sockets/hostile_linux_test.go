package sockets

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// exchangedRounds is how often it is tried: enough for each protection to be missed when it is out.
const exchangedRounds = 10_000

// TestExchangedMeanwhile: while the directory of a socket and a link are exchanged as fast as it goes, no socket is made where the link leads, and the one that is there, at which nobody
// listens, is not removed.
func TestExchangedMeanwhile(t *testing.T) {
	dir := shortDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	err := errors.Join(os.Chmod(dir, 0o777), os.Mkdir(at(".apex"), 0o755), os.Mkdir(at("prey"), 0o755), os.Symlink(at("prey"), at("trap")))
	fd, e := newSocket(unix.AF_UNIX, unix.SOCK_STREAM)
	if err = errors.Join(err, e, unix.Bind(fd, &unix.SockaddrUnix{Name: at("prey/stale")}), unix.Close(fd)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(at("prey/stale"))
	if err != nil {
		t.Fatal(err)
	}
	stop, swaps := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				swaps <- n
				return
			default:
				if unix.Renameat2(unix.AT_FDCWD, at(".apex"), unix.AT_FDCWD, at("trap"), unix.RENAME_EXCHANGE) == nil {
					n++
				}
			}
		}
	}()
	opened, rounds := 0, exchangedRounds
	if testing.Short() {
		rounds /= 10
	}
	for range rounds {
		for _, name := range []string{"stale", "new"} {
			h := New(Options{Sockets: []service.Socket{unixAt(at(".apex/"+name), service.SocketStream)}})
			if _, err := h.Open(); err == nil {
				opened++
			}
			_ = h.Close() // of one that was exchanged meanwhile nothing is removed
		}
	}
	close(stop)
	t.Logf("%d exchanges, %d sockets opened", <-swaps, opened)
	left, err := os.ReadDir(at("prey"))
	names := slices.Collect(func(yield func(string) bool) {
		for _, e := range left {
			if !yield(e.Name()) {
				return
			}
		}
	})
	after, e := os.Lstat(at("prey/stale"))
	if err != nil || e != nil || !slices.Equal(names, []string{"stale"}) || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("where the link leads there is %q, %v, %v", names, err, e)
	}
	if opened == 0 {
		t.Error("nothing was tried")
	}
}
