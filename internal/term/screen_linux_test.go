package term

import (
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/pty"
)

func mode(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

// TestScreen: a screen is taken, drawn, and given back as it was; keys come at once and are not echoed.
func TestScreen(t *testing.T) {
	p := pty.Open(t, 20, 3)
	before := mode(t, p.TTY)
	s, err := Open(p.TTY, p.TTY, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p.Until(t, enter)
	if m := mode(t, p.TTY); m.Lflag&(unix.ICANON|unix.ECHO) != 0 || m.Lflag&unix.ISIG == 0 {
		t.Errorf("lflag %x while it is ours", m.Lflag)
	}
	if w, h := s.Size(); w != 20 || h != 3 {
		t.Errorf("size %d, %d", w, h)
	}
	if err := s.Draw([]string{"a", "b", "c", "d"}); err != nil {
		t.Fatal(err)
	}
	if got := p.Until(t, "\x1b[3;1Hc\x1b[K"); strings.Contains(got, "\x1b[4;1H") {
		t.Errorf("drew %q on three lines", got)
	}
	if _, err := io.WriteString(p.Keys, "ö"); err != nil {
		t.Fatal(err)
	}
	if e := <-s.Events(); e != (Event{KeyPressed, 'ö'}) {
		t.Errorf("got %+v", e)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := p.Until(t, leave); strings.Contains(got, "ö") {
		t.Errorf("echoed: %q", got)
	}
	if after := mode(t, p.TTY); after != before {
		t.Errorf("mode after: %+v, before: %+v", after, before)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestScreenEnds: the end of the terminal is an event, and Close does not wait for keys that never come.
func TestScreenEnds(t *testing.T) {
	p := pty.Open(t, 20, 3)
	s, err := Open(p.TTY, p.TTY, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	p.Keys.Close()
	if e := <-s.Events(); e.Kind != Quit {
		t.Errorf("got %+v", e)
	}
	s.Close() // what it says of a terminal that is gone is of no concern
}

// TestStyle: on a terminal there is colour, unless somebody says otherwise.
func TestStyle(t *testing.T) {
	p := pty.Open(t, 20, 3)
	for env, want := range map[string]string{"": "\x1b[32mx\x1b[0m", "NO_COLOR=1": "x", "TERM=dumb": "x"} {
		key, value, _ := strings.Cut(env, "=")
		getenv := func(name string) string {
			if name == key {
				return value
			}
			return ""
		}
		if got := NewStyle(p.TTY, getenv).Paint(Good, "x"); got != want {
			t.Errorf("%q: %q", env, got)
		}
	}
}
