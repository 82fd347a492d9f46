package logfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// breakFile makes every write of w fail, and returns what mends it.
func breakFile(t *testing.T, w *Writer) (mend func()) {
	t.Helper()
	name := filepath.Join(tempDir(t), "readonly")
	put(t, name, "")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	good := w.f
	w.f = f
	w.mu.Unlock()
	return func() {
		w.mu.Lock()
		w.f = good
		w.mu.Unlock()
		f.Close()
	}
}

func TestLossIsCountedAndReported(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	write(t, w, "one\nunfini")
	mend := breakFile(t, w)
	for range 3 {
		if n, err := w.Write([]byte("0123456789\n")); n != 0 || err == nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if err := w.WriteLine([]byte("lifecycle")); err == nil { // 10 bytes with its newline
		t.Error("no error")
	}
	w.Write([]byte("the start of a line is lost"))
	mend()
	write(t, w, " and so is its rest\nnext\n")
	write(t, w, "last\n")
	want := `^one\nunfini\ntime="[^"]*" level=warning msg="Lost 70 bytes of output here: .*"\nnext\nlast\n$`
	if got := content(t, path); !match(want, got) {
		t.Errorf("got %q", got)
	}
}

func TestLossIsReportedByTheNextLifecycleLineAndByClose(t *testing.T) {
	for name, next := range map[string]func(w *Writer){
		"WriteLine": func(w *Writer) { w.WriteLine([]byte("stopped")) },
		"Close":     func(w *Writer) { w.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			w, path := testWriter(t, service.LogPolicy{Format: "json"})
			mend := breakFile(t, w)
			w.Write([]byte("abc\n"))
			mend()
			next(w)
			first, _, _ := strings.Cut(content(t, path), "\n")
			var line map[string]string
			if err := json.Unmarshal([]byte(first), &line); err != nil || !strings.HasPrefix(line["msg"], "Lost 4 bytes") || line["level"] != "warning" {
				t.Errorf("%q, %v", first, err)
			}
		})
	}
}

func TestOutputWithoutNewlineIsNotDroppedForEverAfterALoss(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	mend := breakFile(t, w)
	w.Write([]byte("lost"))
	mend()
	write(t, w, "no newline")
	write(t, w, " here either")
	if got := content(t, path); !strings.HasSuffix(got, "\nno newline here either") {
		t.Errorf("got %q", got)
	}
}

func TestLineWaitsForTheEndOfOutput(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	in, wait := relay(t, w, nil)
	w.grace = time.Minute
	in.WriteString("half a li")
	eventually(t, "first half", func() bool { return content(t, path) != "" })
	done := make(chan error)
	go func() { done <- w.WriteLine([]byte("lifecycle")) }()
	eventually(t, "line waits", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) > 0
	})
	in.WriteString("ne\nnext\n")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	wait()
	if got := content(t, path); got != "half a line\nlifecycle\nnext\n" {
		t.Errorf("got %q", got)
	}
}

func TestLineDoesNotWaitLongForAPrompt(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	in, wait := relay(t, w, nil)
	in.WriteString("prompt> ")
	eventually(t, "prompt", func() bool { return content(t, path) != "" })
	start := time.Now()
	writeLine(t, w, "lifecycle")
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if got := content(t, path); got != "prompt> \nlifecycle\n" {
		t.Errorf("got %q", got)
	}
	in.WriteString("answer\n")
	wait()
	if got := content(t, path); got != "prompt> \nlifecycle\nanswer\n" {
		t.Errorf("got %q", got)
	}
}

func TestLineIsWrittenWhenTheRelayEnds(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	w.relaying(1)
	w.grace = time.Minute
	write(t, w, "half")
	done := make(chan error)
	go func() { done <- w.WriteLine([]byte("lifecycle")) }()
	eventually(t, "waiting", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.queue) > 0
	})
	w.relaying(-1)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "half\nlifecycle\n" {
		t.Errorf("got %q", got)
	}
}
