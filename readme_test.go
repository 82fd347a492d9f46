package main

import (
	"context"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// patience bounds each command; the first compiles everything.
const patience = 5 * time.Minute

// TestREADME runs the README's first block of commands as pasted, one after the other, in a copy of the tree and with a home of its own, and asks the daemon
// that it starts for an answer before the last one stops it.
func TestREADME(t *testing.T) {
	if testing.Short() {
		gate.Skip(t, "it builds the program")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		gate.Skip(t, "the commands are a shell's, and there is no sh")
	}
	steps := strings.Split(firstBlock(t), " && ")
	if len(steps) < 3 || !strings.HasPrefix(steps[0], "go build ") || steps[len(steps)-1] != "./apexd stop" {
		t.Fatalf("the first block is %q", steps)
	}
	s := shell{dir: copyOfTree(t), env: environment(t)}
	t.Cleanup(func() {
		if t.Failed() && exists(filepath.Join(s.dir, "apexd")) {
			s.run(t, "./apexd kill")
		}
	})
	for _, line := range steps {
		if line == "./apexd stop" {
			s.answers(t)
		}
		if out, err := s.run(t, line); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	if out, err := s.run(t, "./apexd status"); err == nil || !strings.Contains(out, "stopped") {
		t.Errorf("after all of it: %v\n%s", err, out)
	}
}

// firstBlock is what stands in the README's first fenced block.
func firstBlock(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)\n```sh\n(.*?)\n```\n").FindSubmatch(b)
	if m == nil {
		t.Fatal("README.md has no block of commands")
	}
	return string(m[1])
}

// copyOfTree is what a clone has of this directory, less what begins with a dot.
func copyOfTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "apexd")
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		to := filepath.Join(dir, path)
		switch {
		case err != nil:
			return err
		case path != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// environment is ours without what concerns apexd, with a new home. What Go has downloaded and compiled is used again.
func environment(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "XDG_CONFIG_HOME=" + filepath.Join(home, "config")}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Skipf("no go command: %v", err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	for _, kv := range os.Environ() {
		key, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(key, "APEX_") && !strings.HasPrefix(key, "XDG_") && key != "HOME" && key != "NOTIFY_SOCKET" {
			env = append(env, kv)
		}
	}
	return env
}

type shell struct {
	dir string
	env []string
}

func (s shell) run(t *testing.T, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // not the test's own, which is done at Cleanup
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, s.env, time.Second
	out, err := cmd.CombinedOutput()
	t.Logf("$ %s\n%s", line, out)
	return string(out), err
}

// answers asks the built-in API, at the address that status shows, whether it is well.
func (s shell) answers(t *testing.T) {
	t.Helper()
	out, err := s.run(t, "./apexd status")
	m := regexp.MustCompile(`address +http://(\S+)`).FindStringSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("no address in the status: %v\n%s", err, out)
	}
	conn, err := net.DialTimeout("tcp", m[1], 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.0\r\nHost: "+m[1]+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), " 200 OK\r\n") {
		t.Errorf("the built-in API answers %q, %v", b, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
