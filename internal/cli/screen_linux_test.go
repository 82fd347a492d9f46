package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/pty"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// onTerminal runs apexd in this process, as if somebody had called it at a terminal. The status is sent when it has ended.
func onTerminal(t *testing.T, p pty.Terminal, args ...string) <-chan int {
	t.Helper()
	for _, name := range []string{"NO_COLOR", "TERM"} {
		t.Setenv(name, "")
	}
	ended := make(chan int, 1)
	go func() { ended <- Main(args, p.TTY, p.TTY, p.TTY) }()
	return ended
}

// crashed is a project whose daemon has crashed, with a state directory that knows it.
func crashed(t *testing.T) (project string) {
	t.Helper()
	state, project := stateWith(t)
	base := t.TempDir()
	t.Setenv("XDG_STATE_HOME", base)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if err := os.Symlink(state, filepath.Join(base, "apexd")); err != nil {
		t.Fatal(err)
	}
	return project
}

// TestStatusWatch: the page is drawn again when the record changes, and q ends it and leaves the page.
func TestStatusWatch(t *testing.T) {
	project := crashed(t)
	p := pty.Open(t, 80, 24)
	ended := onTerminal(t, p, "status", "--watch", "--project", project)
	p.Until(t, "\x1b[31mfailed\x1b[0m")
	p.Until(t, "q quits")
	if err := os.Remove(filepath.Join(project, ".apex", "daemon.pid")); err != nil {
		t.Fatal(err)
	}
	p.Until(t, "\x1b[2mstopped\x1b[0m")
	if _, err := p.Keys.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	p.Until(t, "\x1b[?1049l")
	p.Until(t, "stopped")
	p.Until(t, "next      apexd start")
	if code := <-ended; code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// TestTop: the page has the daemon and is in place, whatever the width; keys order it.
func TestTop(t *testing.T) {
	project := crashed(t)
	p := pty.Open(t, 200, 24)
	ended := onTerminal(t, p, "top", "--interval", "100ms")
	if got := p.Until(t, filepath.Base(project)); !strings.Contains(got, "1 daemon: 1 failed") || !strings.Contains(got, "MEMORY") {
		t.Errorf("shown: %q", got)
	}
	if _, err := p.Keys.WriteString("mpcQ"); err != nil {
		t.Fatal(err)
	}
	p.Until(t, "\x1b[?1049l")
	if code := <-ended; code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// TestProgress: on a terminal a wait that lasts is one line, which goes when it is over.
func TestProgress(t *testing.T) {
	p := pty.Open(t, 20, 4)
	t.Setenv("TERM", "")
	a := &app{err: p.TTY}
	shown := a.waiting(pidfile.Ref{}, func(time.Duration) string { return "waiting for \x1b[2J a long time" })
	if got := p.Until(t, "\x1b[K"); got != "\rwaiting for ^[[2J …\x1b[K" {
		t.Errorf("shown: %q", got)
	}
	shown.done()
	p.Until(t, "\r\x1b[K")
}
