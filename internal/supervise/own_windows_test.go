package supervise

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const lastWordsVar = "SUPERVISE_TEST_LAST_WORDS"

// TestLastWords is not a test: with lastWordsVar it sends its standard error to that file, and panics.
func TestLastWords(*testing.T) {
	path := os.Getenv(lastWordsVar)
	if path == "" {
		return
	}
	held := os.Stderr // as the command line holds it
	fmt.Fprintln(held, "before")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if err := RedirectStderr(f); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	f.Close() // as a rotation does
	runtime.GC()
	runtime.GC()
	fmt.Fprintln(held, "held")
	fmt.Fprintln(os.Stderr, "now")
	println("the runtime")
	done := make(chan struct{})
	go func() {
		defer close(done)
		panic("last words")
	}()
	<-done
}

func TestRedirectStderr(t *testing.T) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("apexd-stderr-%x.log", rand.Uint64()))
	defer os.Remove(path)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLastWords$")
	c.Env = append(os.Environ(), lastWordsVar+"="+path)
	var errs strings.Builder
	c.Stderr = &errs
	if err := c.Run(); err == nil {
		t.Fatal("it did not panic")
	}
	if got := strings.TrimSpace(errs.String()); got != "before" {
		t.Errorf("the old standard error has %q", got)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"held\n", "now\n", "the runtime\n", "panic: last words", "goroutine "} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in the log:\n%s", want, b)
		}
	}
}
