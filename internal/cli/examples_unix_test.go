//go:build unix

package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// exampleLines are the commands in the example of c. What stands behind some of them, after several blanks, says what they do.
func exampleLines(c *cobra.Command) []string {
	var all []string
	for line := range strings.Lines(c.Example) {
		command, _, _ := strings.Cut(strings.TrimSpace(line), "    ")
		all = append(all, command)
	}
	return all
}

// TestExamples runs every example of --help in a project with a running daemon, as pasted into a shell, node and python3 being ours. Those that would change
// this machine's service manager are only read: the suites in e2e register and mend in worlds of their own.
func TestExamples(t *testing.T) {
	root := newRoot(&app{}, nil)
	for _, cmd := range documented(root) {
		if len(exampleLines(cmd)) == 0 {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, line := range exampleLines(cmd) {
			t.Run(line, func(t *testing.T) {
				readExample(t, line)
				for _, verb := range []string{"install", "uninstall", "enable", "disable", "--fix"} {
					if strings.Contains(line, verb) {
						return
					}
				}
				if testing.Short() {
					return // running all takes seconds
				}
				t.Parallel()
				runExample(t, line)
			})
		}
	}
}

// readExample checks that the verb and the flags of line are known.
func readExample(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " && ")
	line, _, _ = strings.Cut(line, " > ")
	words := strings.Fields(strings.TrimPrefix(line, "sudo "))
	if words[0] != "apexd" {
		t.Fatalf("%q is no call of apexd", line)
	}
	root := newRoot(&app{}, nil)
	cmd, rest, err := root.Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil || cmd == root && len(words) > 1 {
		t.Errorf("%v", err)
	}
}

// shop is a project, with a home, in which one runs.
type shop struct {
	dir string
	env []string
}

func runExample(t *testing.T, line string) {
	e := newShop(t)
	defer e.run(t, "apexd kill -q; apexd kill -q --name web")
	verb := strings.Fields(line)[1]
	if verb != "init" {
		config := []byte("daemon: {command: [child, say=hello, wait]}\n")
		if err := os.MkdirAll(filepath.Join(e.dir, ".apex"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(e.dir, ".apex", "config.yaml"), config, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if verb != "init" && verb != "start" && verb != "run" {
		if out, err := e.run(t, "apexd start"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	line = strings.TrimPrefix(line, "sudo ")
	var out string
	var err error
	endless := verb == "run" || verb == "top" && !strings.Contains(line, "--count") || strings.Contains(line, " -f") || strings.Contains(line, "--watch")
	if endless {
		out, err = e.interrupted(t, line)
	} else {
		out, err = e.run(t, line)
	}
	if err != nil && verb != "doctor" { // what it finds here is this machine's
		t.Errorf("%v\n%s", err, out)
	}
}

func newShop(t *testing.T) shop {
	t.Helper()
	home := testenv.TempDir(t)
	e := shop{dir: filepath.Join(home, "shop")}
	bin := filepath.Join(home, "bin")
	for _, dir := range []string{e.dir, bin} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"node", "python3"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nexec child say=hello wait\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	e.env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+home, "XDG_CONFIG_HOME="+home, "PATH="+bin+":"+os.Getenv("PATH"))
	return e
}

func (e shop) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.WaitDelay = e.dir, e.env, time.Second
	return cmd
}

func (e shop) run(t *testing.T, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := e.command(ctx, line).CombinedOutput()
	return string(out), err
}

// interrupted runs a line that goes on until somebody has seen enough: until its first output.
func (e shop) interrupted(t *testing.T, line string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := e.command(ctx, "exec "+line)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, err := out.Read(first)
	if err != nil {
		t.Errorf("no output: %v", err)
	}
	_ = cmd.Process.Signal(syscall.SIGINT) // unless it has ended, which Wait tells
	_, _ = io.Copy(io.Discard, out)        // up to its end
	err = cmd.Wait()                       // after which nobody writes to errs
	return string(first[:n]) + errs.String(), err
}
