package container

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

const patience = 2 * time.Minute

// configuration of the image's project.
const configuration = `daemon:
  command: [/app/workload]
  readiness: {type: log, pattern: "^up"}
  restart: {policy: on-failure, delay: 10ms, limit: 2}
`

// image is a directory with what an image "FROM scratch" has.
type image struct {
	root    string
	compose service
}

// service is what is used of a Compose file.
type service struct {
	Entrypoint, Command []string
	Environment         map[string]string
	Healthcheck         struct{ Test []string }
}

// build makes the image, and asks apexd how to run it.
func build(t *testing.T, args ...string) image {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("makes namespaces and mounts, which needs root")
	}
	for _, tool := range []string{"unshare", "nsenter", "chroot"} {
		if _, err := exec.LookPath(tool); err != nil {
			gate.Skip(t, err.Error())
		}
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"usr/local/bin", "app/.apex", "run/apexd", "proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "dev/null"), nil, 0o644); err != nil { // a place to mount it on
		t.Fatal(err)
	}
	for from, to := range map[string]string{"apexd": "usr/local/bin/apexd", "workload": "app/workload"} {
		if err := exec.CommandContext(t.Context(), "cp", filepath.Join(os.Getenv(binVariable), from), filepath.Join(root, to)).Run(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "app/.apex/config.yaml"), []byte(configuration), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "usr/local/bin/apexd"), append([]string{"export", "compose", "-q", "--project", filepath.Join(root, "app")}, args...)...)
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Services map[string]service }
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Services) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	return image{root, doc.Services["daemon"]}
}

// binVariable names a directory with apexd and the workload, both static.
const binVariable = "APEXD_CONTAINER_BIN"

// TestMain builds both once.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "apexd-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	for name, from := range map[string]string{"apexd": "../..", "workload": "./workload"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
	}
	os.Setenv(binVariable, dir)
	return m.Run()
}

// program is where the container's PATH finds name.
func program(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return "/usr/local/bin/" + name
}

// mounts is run as the container's first process, which then becomes apexd as an unprivileged user. Of /dev it makes what apexd needs; a runtime makes more
// (runtime-spec, config-linux.md, "Default Devices").
const mounts = `set -e; r=$1; shift
mount --bind "$r" "$r" && mount -o remount,ro,bind "$r"
mount -t tmpfs -o mode=1777 tmpfs "$r/run/apexd" && mount -t proc proc "$r/proc" && mount --bind /dev/null "$r/dev/null"
cd "$r"; exec chroot --userspec=65534:65534 "$r" "$@"`

// running is a container.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd // of unshare, whose child is PID 1
	pid   int       // of PID 1, as the host sees it
	lines *bufio.Scanner
	image image
}

// start runs the image with these variables besides. It returns when the workload has printed its first line.
func (i image) start(t *testing.T, env ...string) *running {
	t.Helper()
	words := append(append([]string{}, i.compose.Entrypoint...), i.compose.Command...)
	words[0] = program(words[0])
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience) // no read waits for longer
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", mounts, "sh", i.root}, words...)...)
	cmd.Env = append(env, "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	for k, v := range i.compose.Environment {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, cmd: cmd, lines: bufio.NewScanner(out), image: i}
	cmd.Cancel = func() error { r.kill(); return nil }
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			r.kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("standard error: %s", said.String())
		}
	})
	r.line("up")
	if r.pid, err = firstChild(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return r
}

// kill ends the container. Killing unshare is not enough: what its --kill-child asks of the kernel is forgotten when the child changes its user (prctl(2), PR_SET_PDEATHSIG).
func (r *running) kill() {
	if pid, err := firstChild(r.cmd.Process.Pid); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = r.cmd.Process.Kill()
}

// line reads the next line of the container's output.
func (r *running) line(want string) {
	r.t.Helper()
	if !r.lines.Scan() || !strings.HasPrefix(r.lines.Text(), want) {
		r.t.Fatalf("the container says %q (%v), want %q", r.lines.Text(), r.lines.Err(), want)
	}
}

// firstChild is the one child of pid, which has not been waited for.
func firstChild(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// exec runs a command in the container, as an engine's exec and health checks do (its current directory is outside of the root), and returns its exit status and output.
func (r *running) exec(words ...string) (int, string) {
	r.t.Helper()
	args := []string{"--target", strconv.Itoa(r.pid), "--mount", "--pid", "--net", "--root", "--", program(words[0])}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nsenter", append(args, words[1:]...)...)
	cmd.WaitDelay = time.Second
	for k, v := range r.image.compose.Environment {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// healthy asks as the engine does, until it is.
func (r *running) healthy() {
	r.t.Helper()
	test := r.image.compose.Healthcheck.Test[1:] // after CMD
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if code, _ := r.exec(test...); code == 0 {
			return
		}
	}
	code, out := r.exec(test...)
	r.t.Fatalf("not healthy: status %d: %s", code, out)
}

// end waits for the container's end and returns its exit status.
func (r *running) end() int {
	for r.lines.Scan() { // what it still says
	}
	_ = r.cmd.Wait() // its status is asked for
	return r.cmd.ProcessState.ExitCode()
}

func TestContainer(t *testing.T) {
	r := build(t).start(t, "SECRET=geheim")
	r.healthy()
	code, out := r.exec("apexd", "status")
	if code != 0 || !strings.Contains(out, "running (PID 1), ready") {
		t.Errorf("status %d: %s", code, out)
	}
	if code, out := r.exec("apexd", "logs"); code != 0 || !strings.Contains(out, "up geheim\n") {
		t.Errorf("logs %d: %s", code, out)
	}
	if err := syscall.Kill(r.pid, syscall.SIGTERM); err != nil { // what "docker stop" does
		t.Fatal(err)
	}
	r.line("bye")
	if code := r.end(); code != 0 {
		t.Errorf("exit status %d after a stop", code)
	}
	if err := syscall.Kill(r.pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("PID 1 is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.image.root, "app/.apex/daemon.pid")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written into the image: %v", err)
	}
}

// TestDockerfile runs what the Dockerfile of the image says.
func TestDockerfile(t *testing.T) {
	i := build(t)
	text, err := os.ReadFile("../../.github/packaging/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	i.compose = service{Environment: map[string]string{}}
	for line := range strings.Lines(string(text)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		list := func(s string) (words []string) {
			if err := json.Unmarshal([]byte(s), &words); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return words
		}
		switch instruction {
		case "ENV":
			for _, pair := range strings.Fields(rest) {
				k, v, _ := strings.Cut(pair, "=")
				i.compose.Environment[k] = v
			}
		case "ENTRYPOINT":
			i.compose.Entrypoint = list(rest)
		case "CMD":
			i.compose.Command = list(rest)
		case "HEALTHCHECK":
			_, command, _ := strings.Cut(rest, "CMD ")
			i.compose.Healthcheck.Test = append([]string{"CMD"}, list(command)...)
		}
	}
	r := i.start(t)
	r.healthy()
	if err := syscall.Kill(r.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.line("bye")
	if code := r.end(); code != 0 {
		t.Errorf("exit status %d after a stop", code)
	}
}

// TestContainerFails: the workload is started again in the container, and then the container ends with its status.
func TestContainerFails(t *testing.T) {
	r := build(t, "--", "/app/workload", "7").start(t)
	r.line("up")
	r.line("up")
	if code := r.end(); code != 7 {
		t.Errorf("exit status %d, want the workload's", code)
	}
}

// TestContainerKilled: what is PID 1 of a container that is killed leaves nothing.
func TestContainerKilled(t *testing.T) {
	r := build(t).start(t)
	r.healthy()
	if err := syscall.Kill(r.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := r.end(); code == 0 {
		t.Error("exit status 0 after SIGKILL")
	}
}
