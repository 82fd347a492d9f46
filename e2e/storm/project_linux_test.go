package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every command and every wait, on a machine that does ten other things.
const patience = 2 * time.Minute

// truthWait bounds how long after the last command has ended status may still be on its way to the truth.
const truthWait = 30 * time.Second

// pause is between two looks where Linux tells nobody: the end of processes that are not our children.
const pause = 5 * time.Millisecond

// project is a directory with a configuration whose workload is the test binary, and a home of its own around it.
type project struct {
	t    *testing.T
	dir  string
	home string
	env  []string

	atOnce bool     // what fails is run again without a pause; false is after 1 to 10 ms
	within []string // a command line that runs apexd's where its clocks say something else; nil is here
}

// newProject makes a project whose workload gets args after its directory. It is stopped and swept up when the test ends.
func newProject(t *testing.T, args ...string) *project {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, dir: filepath.Join(root, "project"), home: filepath.Join(root, "home")}
	p.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "TMPDIR=" + root}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(p.dir, ".apex"), 0o755), os.Mkdir(p.home, 0o755)); err != nil {
		t.Fatal(err)
	}
	p.configure(append([]string{self, "workload", p.dir}, args...))
	t.Cleanup(p.sweep)
	return p
}

// configure has the project run command, which is ready when it says so.
func (p *project) configure(command []string) {
	p.t.Helper()
	restart := map[string]any{"policy": "on-failure", "delay": "1ms", "maxDelay": "10ms", "limit": 0}
	if p.atOnce {
		restart = map[string]any{"policy": "on-failure", "delay": "0s", "limit": 0}
	}
	config, err := json.Marshal(map[string]any{"daemon": map[string]any{
		"command":   command,
		"readiness": map[string]any{"type": "log", "pattern": "^ready"},
		"restart":   restart,
		"log":       map[string]any{"maxSize": "8KiB", "maxFiles": 3},
	}})
	if err == nil {
		err = os.WriteFile(p.apex("config.yaml"), config, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) apex(name string) string { return filepath.Join(p.dir, ".apex", name) }

// sweep ends everything of the project, also after a test that failed half-way.
func (p *project) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = p.command(ctx, "kill").Run() // what it leaves is found below
	left := p.scan()
	for _, pid := range left.all() {
		p.t.Errorf("left running: %s", describe(pid))
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone meanwhile
	}
	for len(p.scan().all()) > 0 && ctx.Err() == nil {
		<-time.After(pause)
	}
}

// command is a command line of apexd for this project, killed when ctx is done.
func (p *project) command(ctx context.Context, verb string, args ...string) *exec.Cmd {
	argv := append(append(slices.Clone(p.within), program(), verb, "--json", "--project", p.dir), args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = p.env, p.home, patience
	return cmd
}

// answer is what a command that has ended said.
type answer struct {
	Exit int // -1 after a signal
	Code string
	PID  int
	Text string
}

// run executes a verb to its end.
func (p *project) run(verb string, args ...string) answer {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := p.command(ctx, verb, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	return answered(cmd, cmd.Run(), out.Bytes(), errs.String())
}

func answered(cmd *exec.Cmd, err error, out []byte, errs string) answer {
	a := answer{Exit: -2, Text: string(out) + errs}
	if cmd.ProcessState != nil {
		a.Exit = cmd.ProcessState.ExitCode()
	} else {
		a.Text += err.Error()
	}
	var said struct {
		PID   int
		Error struct {
			Code string
			PID  int
		}
	}
	_ = json.Unmarshal(out, &said) // a command that was killed says nothing
	a.PID, a.Code = max(said.PID, said.Error.PID), said.Error.Code
	return a
}

// must runs a verb that has to end with one of the statuses.
func (p *project) must(verb string, statuses ...int) answer {
	p.t.Helper()
	a := p.run(verb)
	if !slices.Contains(statuses, a.Exit) {
		p.t.Fatalf("%s: exit status %d, want one of %d: %s", verb, a.Exit, statuses, a.Text)
	}
	return a
}

// status is what apexd says, read with nothing of apexd's.
type status struct {
	Exit      int `json:"-"`
	Running   bool
	State     string
	PID       *int
	StartedAt *time.Time
	Uptime    int64 // milliseconds
	Workload  *struct{ PID int }
	Warnings  []string
}

func (s status) pid() int {
	if s.PID == nil {
		return 0
	}
	return *s.PID
}

func (s status) String() string {
	b, _ := json.Marshal(s) // a status has nothing that cannot be encoded
	return fmt.Sprintf("exit status %d: %s", s.Exit, b)
}

func (p *project) status() status {
	p.t.Helper()
	a := p.run("status")
	s := parsed(a)
	if s.State == "" {
		p.t.Fatalf("status: exit status %d: %s", a.Exit, a.Text)
	}
	return s
}

// parsed is the status in an answer; one without a state when it is none.
func parsed(a answer) status {
	s := status{Exit: a.Exit}
	if json.Unmarshal([]byte(a.Text), &s) != nil {
		return status{Exit: a.Exit}
	}
	return s
}

// truthful waits until status says what is, with nobody at work, and returns it.
func (p *project) truthful() (status, processes) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), truthWait)
	defer cancel()
	for {
		before := p.scan()
		s := p.status()
		now := p.scan()
		lie := now.contradicts(s)
		if !before.equal(now) {
			lie = "the processes are changing"
		}
		if lie == "" {
			return s, now
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			p.t.Fatalf("after %s: %s\nstatus: %s\n/proc: %+v", truthWait, lie, s, now)
		}
	}
}

// one is truthful, where exactly one instance has to run, with exactly one grandchild.
func (p *project) one() (status, processes) {
	p.t.Helper()
	s, now := p.truthful()
	if !s.Running || s.State != "running" || len(now.Workloads) != 1 || len(now.Grandchildren) != 1 {
		p.t.Fatalf("want one instance\nstatus: %s\n/proc: %+v", s, now)
	}
	return s, now
}

// none is truthful, where nothing may run.
func (p *project) none(exit int) {
	p.t.Helper()
	s, now := p.truthful()
	if s.Exit != exit || len(now.all()) > 0 {
		p.t.Fatalf("want nothing, and status %d\nstatus: %s\n/proc: %+v", exit, s, now)
	}
}

// ledger counts what the workloads have entered, by the words before the PID.
func (p *project) ledger() map[string]int {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "ledger"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		p.t.Fatal(err)
	}
	entries := map[string]int{}
	for line := range strings.Lines(string(b)) {
		entries[line[:max(0, strings.LastIndexByte(line, ' '))]]++
	}
	return entries
}

// alone fails the test when a workload has met another one.
func (p *project) alone() {
	p.t.Helper()
	if n := p.ledger()["twice"]; n > 0 {
		p.t.Fatalf("%d workloads have been started beside a live one", n)
	}
}
