package pictures

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/e2e/pty"
)

var (
	update = flag.Bool("update", false, "make the pictures in docs/img anew")
	to     = flag.String("pictures.to", "", "in a world: the `directory` for what was shown")
)

func TestMain(m *testing.M) { os.Exit(inworld.Main(m)) }

// TestPictures plays every scene, and compares what is seen with the picture that is checked in.
func TestPictures(t *testing.T) {
	inworld.NeedWorlds(t, "sh")
	for _, program := range []string{"node", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			gate.Skip(t, "needs "+program)
		}
	}
	self, dir := inworld.Tool("pictures.test"), inworld.TempDir(t)
	inworld.CopyProgram(t, self)
	if err := os.Chmod(dir, 0o777); err != nil { // another user writes to it
		t.Fatal(err)
	}
	out, err := inworld.Lab(t.Context(), "-timeout", "5m", "-user", "-bind", dir, "noinit-reap", "--", self, "-test.run=^TestPlay$", "-test.v", "-pictures.to="+dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range scenes() {
		t.Run(s.file, func(t *testing.T) { s.compare(t, filepath.Join(dir, s.file)) })
	}
}

// compare renders what was shown, which is in a file, and compares it with the picture, or with -update replaces that.
func (s scene) compare(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	now := svg(s.title, s.alt, shown(string(raw), width), width)
	path := filepath.Join(pictures, s.file+".svg")
	if *update {
		if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	then, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := settled(string(then))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := settled(now); err != nil || got != want {
		t.Errorf("%v: a run shows something else than the picture, which `make pictures` makes anew:\n%s\n\nthe picture has\n%s", err, got, want)
	}
}

var (
	keeper  = regexp.MustCompile(`(?m)^kept by .*\n`) // what is installed here
	amounts = regexp.MustCompile(`\d[\d.,:-]*( ?(µs|ms|s|min)\b)?`)
)

// settled is the text of a picture without what is another one in each run: numbers, with the unit where it is one of time.
func settled(picture string) (string, error) {
	text, err := textOf(picture)
	return amounts.ReplaceAllString(keeper.ReplaceAllString(text, ""), "0"), err
}

// TestPlay plays every scene in a world, and writes what was shown to a file for each.
func TestPlay(t *testing.T) {
	inworld.NeedWorld(t)
	if *to == "" {
		t.Skip("TestPictures says where to write")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", inworld.Bin()+":/usr/local/bin:/usr/bin:/bin")
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	for _, s := range scenes() {
		raw := s.play(t, home)
		if err := os.WriteFile(filepath.Join(*to, s.file), []byte(raw), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// play makes the scene in the home directory, and returns what a terminal was shown.
func (s scene) play(t *testing.T, home string) string {
	for name, text := range s.files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(home, s.dir)
	for _, line := range s.setUp {
		if r := inworld.Command(t, dir, nil, "sh", "-c", line); r.Code != 0 {
			t.Fatalf("%s: %s", line, r)
		}
	}
	if s.await[0] != "" {
		inworld.Eventually(t, s.await[0]+" is "+s.await[1], func() bool {
			return string(inworld.Status(t, filepath.Join(home, s.await[0])).State) == s.await[1]
		})
	}
	p := pty.Open(t, width, 30)
	var raw strings.Builder
	for _, step := range s.steps {
		raw.WriteString("\x1b[2m$\x1b[0m \x1b[1m" + step.command + "\x1b[0m\r\n")
		raw.WriteString(step.play(t, p, dir))
	}
	return raw.String()
}

// end is a private control sequence, which apexd does not use: it says that all of a command's output has been seen.
const end = "\x1b[?7727h"

// play types the command, and returns what the terminal was shown.
func (s step) play(t *testing.T, p pty.Terminal, dir string) string {
	cmd := exec.Command("sh", "-c", s.command)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, p.TTY, p.TTY, p.TTY
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the status is the scene's matter: one of them shows a failure
		_, _ = p.TTY.WriteString(end)
	}()
	var shown strings.Builder
	for _, key := range s.keys {
		shown.WriteString(p.Until(t, key[0]))
		if _, err := p.Keys.WriteString(key[1]); err != nil {
			t.Fatal(err)
		}
	}
	shown.WriteString(p.Until(t, end))
	<-ended
	return strings.TrimSuffix(shown.String(), end)
}
