package inworld

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Limit bounds every command and every wait.
const Limit = time.Minute

// Result is what came of a command.
type Result struct {
	Out, Err string
	Code     int
}

// String has all of it.
func (r Result) String() string { return fmt.Sprintf("exit status %d\n%s%s", r.Code, r.Out, r.Err) }

// Command runs argv in dir, with these variables set besides ours, also in a clean-up.
func Command(t *testing.T, dir string, env []string, argv ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(os.Environ(), env...), time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%q: %v", argv, err)
	}
	return Result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Apexd runs apexd in dir and expects this exit status.
func Apexd(t *testing.T, dir string, want int, args ...string) Result {
	t.Helper()
	r := Command(t, dir, nil, append([]string{Tool("apexd")}, args...)...)
	if r.Code != want {
		t.Fatalf("apexd %q: %s\nwant exit status %d", args, r, want)
	}
	return r
}

// Status is what apexd says of the daemon of dir.
func Status(t *testing.T, dir string) service.Status {
	t.Helper()
	var s service.Status
	if r := Command(t, dir, nil, Tool("apexd"), "status", "--json"); json.Unmarshal([]byte(r.Out), &s) != nil {
		t.Fatalf("status: %s", r)
	}
	return s
}

// Findings are what apexd doctor finds in dir: by ID, the message and below it the command that mends it. What --fix has mended is under "fixed".
func Findings(t *testing.T, dir string, args ...string) map[string]string {
	t.Helper()
	r := Command(t, dir, nil, append([]string{Tool("apexd"), "doctor", "--json"}, args...)...)
	var d struct {
		Findings []struct{ ID, Message, Fix string }
		Fixed    []string
	}
	if err := json.Unmarshal([]byte(r.Out), &d); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	found := map[string]string{"fixed": strings.Join(d.Fixed, " ")}
	for _, f := range d.Findings {
		found[f.ID] = f.Message + "\n" + f.Fix
	}
	return found
}

// Eventually waits until ok. What it waits for happens in other processes, of which no event comes here.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(Limit)
	for !ok() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not within %s: %s", Limit, what)
		}
	}
}

// TempDir is a directory that other users may enter.
func TempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
