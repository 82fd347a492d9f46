package conformance_test

import (
	"bytes"
	"cmp"
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
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// subject is one project operated through the command apexd. It is what the drivers have in common; a driver adds its own Start and Stop.
type subject struct {
	root    string // everything that belongs to the case
	project string
	env     []string
	apexd   string               // "" is the one that was built for all
	before  []string             // put before apexd: a program that becomes it
	attr    *syscall.SysProcAttr // of the command's process

	place  func(argv []string) ([]string, *syscall.SysProcAttr) // where commands run; nil is here
	exists func(pid int) servicetest.Existence                  // nil looks here
}

// newSubject makes a project called base with a home of its own around it. Its clean-up ends and removes everything that is left.
func newSubject(t servicetest.T, base string) *subject {
	root, err := os.MkdirTemp("", "apexd-")
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &subject{root: root, project: filepath.Join(root, "projects", base), env: environment(root)}
	t.Cleanup(func() { s.tidy(t) })
	for _, dir := range []string{s.project, s.path("home"), s.path("state"), s.path("config"), s.path("tmp"), s.path("run")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for _, dir := range []string{root, s.path("tmp")} { // MkdirTemp keeps other users out
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return s
}

func (s *subject) path(name string) string { return filepath.Join(s.root, name) }

// tidy ends what the case has left running, which is no fault of it, and reports what survives that.
func (s *subject) tidy(t servicetest.T) {
	if o := s.run(t.Context(), "kill"); o.Err != nil {
		t.Logf("clean-up: kill: %v", o.Err)
	}
	for _, p := range endLeftovers(t.Context(), s.root) {
		t.Errorf("left behind: %s", p)
	}
	for _, dir := range []string{"tmp", "run", "home", "config"} {
		entries, err := os.ReadDir(s.path(dir))
		if err != nil {
			t.Errorf("%v", err)
		}
		for _, e := range entries {
			t.Errorf("left behind: %s in the user's %s", e.Name(), dir)
		}
	}
	if err := removeAll(s.root); err != nil {
		t.Errorf("%v", err)
	}
}

func (s *subject) Project() string { return s.project }

// Configure writes .apex/config.yaml. JSON is YAML, and needs no quoting rules.
func (s *subject) Configure(t servicetest.T, w servicetest.Workload) {
	text := w.Raw
	if text == "" {
		b, err := json.MarshalIndent(map[string]any{"daemon": configuration(w)}, "", "  ")
		if err != nil {
			t.Fatalf("%v", err)
		}
		text = strings.ReplaceAll(string(b), "\x7f", `\u007f`) // which JSON allows and YAML does not
	}
	dir := filepath.Join(s.project, ".apex")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(text), 0o644)); err != nil {
		t.Fatalf("%v", err)
	}
}

// configuration is w as the configuration file has it, without what is zero.
func configuration(w servicetest.Workload) map[string]any {
	command := w.Command
	if len(command) == 0 {
		command = childCommand(w.Script, w.Args)
	}
	r, p := w.Readiness, w.Restart
	readiness := map[string]any{"type": string(r.Kind), "url": r.URL, "address": r.Address, "timeout": duration(r.Timeout), "settle": duration(r.Settle)}
	if r.Pattern != nil {
		readiness["pattern"] = r.Pattern.String()
	}
	if r.Kind == service.ReadyHTTP || r.Kind == service.ReadyTCP {
		readiness["interval"] = duration(r.Interval)
	}
	restart := map[string]any{"policy": string(p.When), "delay": duration(p.Delay), "factor": p.Factor, "limit": p.Limit, "window": duration(p.Window)}
	return nonZero(map[string]any{
		"command": command, "environment": w.Env, "stopTimeout": duration(w.StopTimeout), "reloadSignal": w.ReloadSignal,
		"watchdog": duration(w.Watchdog), "readiness": nonZero(readiness), "restart": nonZero(restart),
	})
}

func childCommand(script servicetest.Script, args []string) []string {
	b, err := json.Marshal(script)
	if err != nil {
		panic(err) // a Script has nothing that cannot be encoded
	}
	return append([]string{program("child"), string(b)}, args...)
}

func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func nonZero(m map[string]any) map[string]any {
	for k, v := range m {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(m, k)
			}
		case int:
			if v == 0 {
				delete(m, k)
			}
		case float64:
			if v == 0 {
				delete(m, k)
			}
		case map[string]string:
			if len(v) == 0 {
				delete(m, k)
			}
		case map[string]any:
			if len(v) == 0 {
				delete(m, k)
			}
		}
	}
	return m
}

// argv is a command line of apexd for this project.
func (s *subject) argv(verb string, args ...string) []string {
	line := append(slices.Clone(s.before), cmp.Or(s.apexd, program("apexd")), verb, "--json", "--project", s.project)
	return append(line, args...)
}

// command is argv where the subject's commands run.
func (s *subject) command(ctx context.Context, argv []string) *exec.Cmd {
	attr := s.attr
	if s.place != nil {
		argv, attr = s.place(argv)
	}
	return s.process(ctx, argv, attr)
}

// process is argv, interrupted as by Ctrl-C when ctx is done.
func (s *subject) process(ctx context.Context, argv []string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = s.env, s.root, attr
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run executes one verb to its end.
func (s *subject) run(ctx context.Context, verb string, args ...string) servicetest.Outcome {
	_, o := s.finish(ctx, s.argv(verb, args...))
	return o
}

// finish executes a command line to its end and returns its standard output too.
func (s *subject) finish(ctx context.Context, argv []string) (string, servicetest.Outcome) {
	var out, errs bytes.Buffer
	cmd := s.command(ctx, argv)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return out.String(), outcome(err, out.String(), errs.String())
}

// answer executes a verb to its end and reads what it prints.
func (s *subject) answer(ctx context.Context, into any, verb string, args ...string) servicetest.Outcome {
	out, o := s.finish(ctx, s.argv(verb, args...))
	o.PID = 0
	if o.Err == nil {
		if err := json.Unmarshal([]byte(out), into); err != nil {
			o.Err = &service.Error{Op: "read the answer of " + verb, Err: fmt.Errorf("%w: %s", err, o.Text)}
		}
	}
	return o
}

// outcome reads what a command that has ended was given back: the last object of its standard output.
func outcome(err error, out, errs string) servicetest.Outcome {
	o := servicetest.Outcome{Text: out + errs}
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended):
		o.Exit = ended.ExitCode() // -1 after a signal
	case err != nil:
		o.Exit, o.Text = -2, o.Text+err.Error()
	}
	var answer struct {
		PID   int
		Error *service.Error
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if json.Unmarshal([]byte(lines[len(lines)-1]), &answer) == nil {
		o.PID, o.Err = answer.PID, answer.Error
	}
	return o
}

func (s *subject) Stop(ctx context.Context, o service.StopOptions) servicetest.Outcome {
	if o.Force {
		return s.run(ctx, "kill")
	}
	return s.run(ctx, "stop")
}

func (s *subject) Restart(ctx context.Context) servicetest.Outcome { return s.run(ctx, "restart") }

func (s *subject) Reload(ctx context.Context) servicetest.Outcome { return s.run(ctx, "reload") }

func (s *subject) Status(ctx context.Context) (service.Status, servicetest.Outcome) {
	var st service.Status
	o := s.answer(ctx, &st, "status")
	return st, o
}

// Await looks again whenever something changes in .apex, or .apex itself does. With an error it returns the last status that there was.
func (s *subject) Await(ctx context.Context, ok func(service.Status) bool) (service.Status, error) {
	var changes <-chan fsnotify.Event
	var broken <-chan error
	add := func(string) error { return nil }
	if watches {
		w, err := fsnotify.NewWatcher()
		if err != nil {
			return service.Status{}, err
		}
		defer w.Close()
		changes, broken, add = w.Events, w.Errors, w.Add
	}
	if err := add(s.project); err != nil {
		return service.Status{}, err
	}
	var last service.Status
	for {
		_ = add(filepath.Join(s.project, ".apex")) // it may be away, or have been watched already
		st, o := s.Status(ctx)
		if o.Err == nil && ok(st) {
			return st, nil
		}
		if o.Err == nil { // else ctx may have ended the command
			last = st
		}
		select {
		case <-changes:
		case <-time.After(100 * time.Millisecond): // the end of a daemon after its last word changes no file
		case err := <-broken:
			return last, err
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
	}
}

func (s *subject) Logs(ctx context.Context) (string, servicetest.Outcome) {
	return s.finish(ctx, slices.DeleteFunc(s.argv("logs"), func(a string) bool { return a == "--json" }))
}

func (s *subject) History(ctx context.Context) ([]servicetest.Event, servicetest.Outcome) {
	var events []servicetest.Event
	o := s.answer(ctx, &events, "history", "-n", "-1")
	return events, o
}

func (s *subject) Process(pid int) servicetest.Existence {
	if s.exists != nil {
		return s.exists(pid)
	}
	return existence(pid)
}

// Crash kills the daemon process that status names.
func (s *subject) Crash(ctx context.Context) error {
	st, o := s.Status(ctx)
	if o.Err != nil || st.PID == nil {
		return errors.New("nothing to crash: " + o.Text)
	}
	return killAndWait(ctx, *st.PID)
}

// Bystander starts the test program outside of every daemon.
func (s *subject) Bystander(t servicetest.T, script servicetest.Script) {
	argv := childCommand(script, nil)
	cmd := exec.Command(argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v", err)
	}
	done := make(chan struct{})
	go func() { // reaped at once, so that an end is seen as one
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
	})
}

// WithOwnPID has the test program write the record and become apexd.
func (s *subject) WithOwnPID(ctx context.Context, verb, record string) servicetest.Outcome {
	own := *s
	own.before = append(slices.Clone(s.before), program("child"), "-own", filepath.Join(s.project, ".apex", "daemon.pid"), record)
	o := own.run(ctx, verb)
	if verb == "status" {
		o.PID = 0
	}
	return o
}

// copyTo copies the project and returns the subject of the copy.
func (s *subject) copyTo(t servicetest.T, base string) *subject {
	twin := *s
	twin.project = filepath.Join(s.root, "projects", base)
	if err := os.CopyFS(twin.project, os.DirFS(s.project)); err != nil {
		t.Fatalf("%v", err)
	}
	return &twin
}
