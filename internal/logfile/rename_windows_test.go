package logfile

import (
	"os"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// held opens name as most programs do: others may write to it, and neither rename nor remove it (no FILE_SHARE_DELETE).
func held(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := os.Rename(name, name+".moved"); err == nil {
		t.Fatal("this system moves what is open") // then these tests say nothing
	}
	return f
}

// wholeLog is what the log has, oldest first.
func wholeLog(t *testing.T, path string) string {
	t.Helper()
	var b strings.Builder
	rows, err := slots(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(rows) - 1; i >= 0; i-- {
		b.WriteString(content(t, plainName(path, rows[i].n)))
	}
	b.WriteString(content(t, path))
	return b.String()
}

// TestOwnHandlesDoNotStopARotation: standard error is a second handle to the log, and so is a reader of ours.
func TestOwnHandlesDoNotStopARotation(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 3})
	write(t, w, "")
	again, err := openShared(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	second, err := open(service.LogPolicy{Path: path, MaxSize: 1000, MaxFiles: 3}, newClock().now)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	write(t, w, numbered(0, 100, 20))
	if got := list(t, path); !strings.Contains(got, "daemon.log.1") {
		t.Errorf("files: %s", got)
	}
	checkNumbered(t, wholeLog(t, path), 100)
}

// TestRotationOfALogThatIsFollowed: a program that follows the log for hours does not let it grow without a bound, and nothing is lost.
func TestRotationOfALogThatIsFollowed(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 9})
	write(t, w, numbered(0, 1, 20))
	held(t, path)
	for i := 1; i < 200; i++ {
		write(t, w, numbered(i, i+1, 20))
	}
	if n := len(content(t, path)); n > 1000 {
		t.Errorf("it has grown to %d bytes", n)
	}
	checkNumbered(t, wholeLog(t, path), 200)
	if left := leftovers(path); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestRotationWhileARotatedFileIsRead: the log goes on in the present file, says so once, and is rotated when the reader has gone.
func TestRotationWhileARotatedFileIsRead(t *testing.T) {
	for _, n := range []int{1, 2} { // one to be renamed, and one to be removed
		w, path := testWriter(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 2})
		write(t, w, numbered(0, 150, 20))
		old := content(t, plainName(path, n))
		reader := held(t, plainName(path, n))
		for i := range 300 {
			write(t, w, numbered(i, i+1, 20))
		}
		if got := content(t, plainName(path, n)); got != old {
			t.Errorf("%d: what is read has changed", n)
		}
		text := content(t, path)
		if said := strings.Count(text, "Cannot rotate the log"); said != 1 || len(text) < 5000 {
			t.Errorf("%d: said %d times, %d bytes", n, said, len(text))
		}
		reader.Close()
		for i := 300; i < 600; i++ {
			write(t, w, numbered(i, i+1, 20))
		}
		if got := content(t, path); len(got) > 1000 {
			t.Errorf("%d: not rotated when it was possible: %d bytes", n, len(got))
		}
	}
}
