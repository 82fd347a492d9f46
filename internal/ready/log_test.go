package ready

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestLog(t *testing.T) {
	tests := []struct {
		name    string
		pattern string
		lines   []string
		ready   bool
	}{
		{"no line", "up", nil, false},
		{"other lines", "listening on", []string{"starting", "listening"}, false},
		{"match", `listening on :\d+`, []string{"starting", "info: listening on :80"}, true},
		{"match twice", "up", []string{"up", "up"}, true},
		{"anchored", "^up$", []string{"up again", "we are up"}, false},
		{"not UTF-8", "up", []string{"\xff\xfe up"}, true},
		{"empty line", "^$", []string{""}, true},
		{"not across lines", "a.b", []string{"a", "b"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLog(regexp.MustCompile(tt.pattern))
			for _, line := range tt.lines {
				l.Tap([]byte(line))
			}
			ready := false
			select {
			case <-l.Ready():
				ready = true
			default:
			}
			if ready != tt.ready {
				t.Errorf("ready %t, want %t", ready, tt.ready)
			}
		})
	}
}

func TestLogConcurrently(t *testing.T) {
	l := NewLog(regexp.MustCompile("up 3"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				l.Tap([]byte("up 3"))
			}
		})
	}
	wg.Wait()
	if err := l.Wait(limited(t, wait, nil)); err != nil {
		t.Error(err)
	}
}

func TestLogWait(t *testing.T) {
	l := NewLog(regexp.MustCompile("up"))
	time.AfterFunc(10*time.Millisecond, func() { l.Tap([]byte("up")) })
	if err := l.Wait(limited(t, wait, nil)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Wait(ctx); err != nil {
		t.Errorf("ready and cancelled: %v, want nil", err)
	}
}

func TestLogWaitEnds(t *testing.T) {
	died := errors.New("exit status 1")
	l := NewLog(regexp.MustCompile("listening"))
	l.Tap([]byte("one"))
	l.Tap([]byte("two"))
	err := l.Wait(limited(t, time.Millisecond, died))
	var e *NotReadyError
	if !errors.As(err, &e) || !errors.Is(err, died) || e.Tries != 2 {
		t.Fatalf("Wait = %v", err)
	}
	if want := `not ready: exit status 1; output: none of 2 lines matched "listening"`; err.Error() != want {
		t.Errorf("it says %q, want %q", err, want)
	}
}

// After the first match a line costs nothing and the pattern is not kept.
func TestLogAfterMatch(t *testing.T) {
	l := NewLog(regexp.MustCompile("up"))
	l.Tap([]byte("up"))
	if l.pattern.Load() != nil {
		t.Error("the pattern is still there")
	}
	line := []byte(strings.Repeat("x", 1000))
	if n := testing.AllocsPerRun(100, func() { l.Tap(line) }); n > 0 {
		t.Errorf("%v allocations a line", n)
	}
}
