package logfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

func TestWriteAppends(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	write(t, w, "one\n")
	w.Close()
	w, _ = testWriter(t, service.LogPolicy{Path: path})
	write(t, w, "two\n")
	if got := content(t, path); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestWriteLineBeginsAFreshLine(t *testing.T) {
	for name, tc := range map[string]struct{ before, want string }{
		"empty file":        {"", "life\n"},
		"after a line":      {"out\n", "out\nlife\n"},
		"after half a line": {"prompt> ", "prompt> \nlife\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w, path := testWriter(t, service.LogPolicy{})
			write(t, w, tc.before)
			writeLine(t, w, "life")
			if got := content(t, path); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			w.Close()
			w, _ = testWriter(t, service.LogPolicy{Path: path}) // knows it from the file
			writeLine(t, w, "again")
			if got := content(t, path); got != tc.want+"again\n" {
				t.Errorf("after reopening: %q", got)
			}
		})
	}
	t.Run("unfinished before a restart", func(t *testing.T) {
		path := filepath.Join(tempDir(t), "daemon.log")
		put(t, path, "killed in the mid")
		w, _ := testWriter(t, service.LogPolicy{Path: path})
		writeLine(t, w, "started")
		if got := content(t, path); got != "killed in the mid\nstarted\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestRotationKeepsTheNewestWithinTheBound(t *testing.T) {
	p := service.LogPolicy{MaxSize: 1000, MaxFiles: 3}
	w, path := testWriter(t, p)
	for i := range 1000 {
		write(t, w, numbered(i, i+1, 20))
		if n := len(whole(t, path)); n > 4*1000 {
			t.Fatalf("%d bytes on disk after line %d", n, i)
		}
	}
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2 daemon.log.3" {
		t.Errorf("files: %s", got)
	}
	got := whole(t, path)
	if all := numbered(0, 1000, 20); !strings.HasSuffix(all, got) || len(got) < 3*800 {
		t.Errorf("%d bytes are left, not the newest ones", len(got))
	}
}

func TestRotationDividesNoLine(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 4000, MaxFiles: 1000})
	text := ""
	for i := range 1500 {
		text += numbered(i, i+1, 20+i%300)
	}
	for rest := text; len(rest) > 0; { // in pieces that respect no line
		n := min(len(rest), 777)
		write(t, w, rest[:n])
		rest = rest[n:]
	}
	checkNumbered(t, whole(t, path), 1500)
	for _, name := range files(t, path) {
		if b := content(t, name); len(b) > 4000 || b != "" && b[len(b)-1] != '\n' {
			t.Errorf("%s: %d bytes, ends %q", filepath.Base(name), len(b), b[len(b)-5:])
		}
	}
}

func TestLineLongerThanAFileIsCut(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 1000})
	long := strings.Repeat("0123456789", 6_789)
	write(t, w, "before\n")
	write(t, w, long[:40_000])
	write(t, w, long[40_000:]+"\nafter\n")
	if whole(t, path) != "before\n"+long+"\nafter\n" {
		t.Error("the files joined are not what was written")
	}
	for _, name := range files(t, path) {
		if n := len(content(t, name)); n > 1000 {
			t.Errorf("%s has %d bytes", name, n)
		}
	}
}

func TestNoRotatedFilesAreKept(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 100})
	write(t, w, numbered(0, 50, 20))
	if got := list(t, path); got != "daemon.log" {
		t.Errorf("files: %s", got)
	}
	if got := whole(t, path); len(got) > 100 || !strings.HasSuffix(got, numbered(49, 50, 20)) {
		t.Errorf("content %q", got)
	}
}

func TestOpenRefusesWhatIsNotAPlainFile(t *testing.T) {
	dir := tempDir(t)
	if _, err := Open(service.LogPolicy{Path: dir}); err == nil {
		t.Error("a directory was opened")
	}
	put(t, filepath.Join(dir, "target"), "")
	link := filepath.Join(dir, "daemon.log")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		t.Skip("a symbolic link does not look like one here (Wine)")
	}
	if _, err := Open(service.LogPolicy{Path: link}); !errors.Is(err, safefile.ErrUnsafe) {
		t.Errorf("a link: %v", err)
	}
}

func TestClosedWriterSaysSo(t *testing.T) {
	w, _ := testWriter(t, service.LogPolicy{})
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Write([]byte("x"))
	for what, err := range map[string]error{"Write": err, "WriteLine": w.WriteLine(nil), "Reopen": w.Reopen()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestConcurrentLinesStayWhole(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 5000, MaxFiles: 10_000})
	var wg sync.WaitGroup
	const writers, each = 8, 300
	for k := range writers {
		wg.Go(func() {
			for i := range each {
				line := strings.TrimSuffix(numbered(k*each+i, k*each+i+1, 40), "\n")
				if k%2 == 0 {
					w.WriteLine([]byte(line))
				} else {
					w.Write([]byte(line + "\n"))
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for line := range strings.Lines(whole(t, path)) {
		if len(line) != 40 {
			t.Fatalf("torn: %q", line)
		}
		seen[line]++
	}
	if len(seen) != writers*each {
		t.Errorf("%d different lines, want %d", len(seen), writers*each)
	}
}

func TestSetPolicyTakesEffect(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 100, MaxFiles: 8})
	write(t, w, numbered(0, 100, 20))
	w.SetPolicy(service.LogPolicy{Path: "elsewhere", MaxSize: 1000, MaxFiles: 2})
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2" {
		t.Errorf("files: %s", got)
	}
	write(t, w, numbered(100, 130, 20))
	if n := len(content(t, path)); n < 600 {
		t.Errorf("the new size is not used: %d bytes", n)
	}
}

func TestExternalRename(t *testing.T) {
	for name, after := range map[string]func(w *Writer, c *clock){
		"Reopen":                    func(w *Writer, _ *clock) { w.Reopen() },
		"noticed within the second": func(_ *Writer, c *clock) { c.add(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			w, path := testWriterAt(t, service.LogPolicy{}, c.now)
			var reopened int
			w.OnReopen(func(f *os.File) { reopened++ })
			write(t, w, "one\n")
			if err := os.Rename(path, path+"-old"); err != nil {
				t.Skip("an open file cannot be renamed here:", err)
			}
			write(t, w, "two\n") // still the old file: not lost
			after(w, c)
			write(t, w, "three\n")
			if a, b := content(t, path+"-old"), content(t, path); a != "one\ntwo\n" || b != "three\n" {
				t.Errorf("old %q, new %q", a, b)
			}
			if all := readIndex(path, 0); len(all) != 1 || all[0].off != 0 {
				t.Errorf("index %v", all)
			}
			if reopened != 1 {
				t.Errorf("OnReopen called %d times", reopened)
			}
		})
	}
}

func TestDeletedLogIsMadeAgain(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	write(t, w, "one\n")
	if err := os.Remove(path); err != nil {
		t.Skip("an open file cannot be removed here:", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Skip("a removed file keeps its name while it is open here") // Windows before 10 1809, and Wine
	}
	if err := w.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(t, w, "two\n")
	if got := content(t, path); got != "two\n" {
		t.Errorf("got %q", got)
	}
}

func TestReopenOfTheSameFileChangesNothing(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	write(t, w, "one\n")
	before := w.File()
	if err := w.Reopen(); err != nil || w.File() != before {
		t.Errorf("reopened without need, %v", err)
	}
	write(t, w, "two\n")
	if got := content(t, path); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestCopytruncate(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 3}, c.now)
	write(t, w, numbered(0, 40, 20)) // 800 bytes
	put(t, path+".copy", content(t, path))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, w, numbered(40, 60, 20)) // would rotate if the old size were believed
	if got := list(t, path); got != "daemon.log daemon.log.copy" {
		t.Errorf("files: %s", got)
	}
	if got := content(t, path); got != numbered(40, 60, 20) {
		t.Errorf("got %q", got)
	}
	c.add(time.Minute)
	write(t, w, "late\n")
	if all := readIndex(path, 0); len(all) == 0 || all[len(all)-1].off != 400 {
		t.Errorf("index %v", all)
	}
}
