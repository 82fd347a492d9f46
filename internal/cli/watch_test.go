package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStreamStatus: without a terminal each change is a page, and with --json a line; what is asked to end ends well.
func TestStreamStatus(t *testing.T) {
	for _, tt := range []struct {
		name            string
		json            bool
		failed, stopped string
	}{
		{"text", false, "daemon: failed: ", "daemon: stopped"},
		{"JSON", true, `"state":"failed"`, `"state":"stopped"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			state, project := stateWith(t)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			a := &app{out: w, err: w, json: tt.json, project: project}
			to, err := a.find()
			if err != nil {
				t.Fatal(err)
			}
			to.Ref.StateDir = state
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- a.watchStatus(ctx, to) }()
			lines := bufio.NewScanner(r)
			until(t, lines, tt.failed)
			if err := os.Remove(filepath.Join(project, ".apex", "daemon.pid")); err != nil {
				t.Fatal(err)
			}
			until(t, lines, tt.stopped)
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// until reads lines up to one that begins with, or has, text.
func until(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	var seen []string
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
		seen = append(seen, lines.Text())
	}
	t.Fatalf("no %q in %q", text, seen)
}

// TestWrapped: a line that is too long goes on under its value, between words where it can.
func TestWrapped(t *testing.T) {
	long := "  log       " + strings.Repeat("x", 30)
	for _, tt := range []struct {
		name  string
		line  string
		width int
		want  []string
	}{
		{"short", "daemon: stopped", 40, []string{"daemon: stopped"}},
		{"words", "daemon: failed: it has been killed by someone", 30, []string{"daemon: failed: it has been ", strings.Repeat(" ", 12) + "killed by someone"}},
		{"a path", long, 36, []string{long[:36], strings.Repeat(" ", 12) + "xxxxxx"}},
		{"too narrow", long, 10, []string{long}},
	} {
		if got := wrapped([]string{tt.line}, tt.width); strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
