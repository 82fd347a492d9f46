package systemdlog

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/service"
)

const (
	insideVariable = "APEXD_SYSTEMDLOG_BIN" // the directory with apexd; set in the world
	labVariable    = "APEXD_LAB"            // set in every world
)

func TestMain(m *testing.M) {
	if fifo := os.Getenv(workloadVariable); fifo != "" {
		os.Exit(workload(fifo))
	}
	if os.Getenv(floodVariable) != "" {
		os.Exit(floods())
	}
	os.Exit(m.Run())
}

// TestInWorld runs this package's other tests in a world with systemd.
func TestInWorld(t *testing.T) {
	switch _, err := os.Stat("/lib/systemd/systemd"); {
	case os.Getenv(insideVariable) != "":
		t.Skip("this is the world")
	case os.Getenv(labVariable) != "":
		t.Skip("a world has no worlds in it")
	case os.Geteuid() != 0:
		gate.Skip(t, "worlds need root")
	case testing.Short():
		gate.Skip(t, "takes seconds")
	case err != nil:
		gate.Skip(t, "needs systemd")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // another user runs apexd too
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"build", "-o", dir + "/", "../.."},
		{"build", "-o", filepath.Join(dir, "lab"), "../lab"},
		{"test", "-c", "-o", filepath.Join(dir, "suite"), "."},
	} {
		if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "lab"), "-timeout", (5*time.Minute + 8**journalFor).String(), "-env", insideVariable+"="+dir, "systemd", "--",
		filepath.Join(dir, "suite"), "-test.v", "-test.timeout=0", "-test.run=^TestJournal", "-journal.for="+journalFor.String())
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestJournal")) {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func inside(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		t.Skip("runs in a world of its own, as a part of TestInWorld")
	}
}

// daemon is a project whose workload is this program.
type daemon struct {
	dir, fifo string
}

func project(t *testing.T, config string) daemon {
	t.Helper()
	d := daemon{dir: t.TempDir()}
	for p := d.dir; p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.fifo = filepath.Join(d.dir, "fifo")
	if err := syscall.Mkfifo(d.fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(d.dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "daemon:\n  command: [" + os.Args[0] + "]\n  environment: {" + workloadVariable + ": " + d.fifo + "}\n" + config
	if err := os.WriteFile(filepath.Join(d.dir, ".apex", "config.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d daemon) apexd(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(os.Getenv(insideVariable), "apexd"), append(args, "--project", d.dir)...)
	return cmd
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out.String(), said.String())
	}
	return out.String()
}

// install registers d with the system's manager, starts it with "--now", and returns the unit's name.
func (d daemon) install(t *testing.T, flags ...string) string {
	t.Helper()
	run(t, d.apexd(append([]string{"install", "--run-as", "root"}, flags...)...))
	t.Cleanup(func() { run(t, d.apexd("uninstall")) })
	return service.RegistrationName(d.dir, service.DefaultName) + ".service"
}

// goOn lets the workload write its second burst.
func (d daemon) goOn(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(d.fifo, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// follow starts logs -f, and returns what it prints until a line is end. The command is ended then.
func (d daemon) follow(t *testing.T, end string) (wait func() string) {
	t.Helper()
	cmd := d.apexd("logs", "-f", "-n", "3")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }) // a bound
	var all strings.Builder
	r := bufio.NewReader(out)
	first, err := r.ReadString('\n') // it follows from here on
	if err != nil {
		t.Errorf("logs -f: %v", err)
	}
	all.WriteString(first)
	return func() string {
		defer kill.Stop()
		for {
			line, err := r.ReadString('\n')
			all.WriteString(line)
			if err != nil {
				t.Errorf("logs -f ended: %v", err)
			}
			if err != nil || line == end+"\n" {
				break
			}
		}
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("logs -f, after Ctrl-C: %v", err)
		}
		return all.String()
	}
}

// same takes out of a log what differs between two runs: times, PIDs and durations of lifecycle lines.
func same(log string) string {
	log = regexp.MustCompile(`(?m)^time="[^"]*" (level=.*)$`).ReplaceAllString(log, "time $1")
	return regexp.MustCompile(`(?m)^(time level=.*?)( pid=\d+)?( took=\S+)?$`).ReplaceAllString(log, "$1")
}

func compare(t *testing.T, what, file, journal string) {
	t.Helper()
	file, journal = same(file), same(journal)
	if file == journal {
		t.Logf("%s: %d bytes, %d lines, equal", what, len(file), strings.Count(file, "\n"))
		return
	}
	a, b := strings.Split(file, "\n"), strings.Split(journal, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Errorf("%s: line %d of %d and %d:\nfile    %.300q\njournal %.300q", what, i+1, len(a), len(b), a[i], b[i])
			return
		}
	}
	t.Errorf("%s: %d and %d lines", what, len(a), len(b))
}

// TestJournalLikeFile runs the same workload in direct mode and as a unit of systemd, and compares what `apexd logs` shows of it.
func TestJournalLikeFile(t *testing.T) {
	inside(t)
	const ready = "  readiness: {type: log, pattern: '^" + firstEnd + "$'}\n"
	file, unitd := project(t, ready), project(t, ready)
	run(t, file.apexd("start"))
	defer func() { _ = file.apexd("kill").Run() }()
	unit := unitd.install(t, "--now")

	<-time.After(3 * time.Second) // the file's index knows seconds: --since needs a pause
	since := time.Now().Add(-time.Second).Format(time.RFC3339)
	follow1, follow2 := file.follow(t, secondEnd), unitd.follow(t, secondEnd)
	file.goOn(t)
	unitd.goOn(t)
	compare(t, "logs -f -n 3", follow1(), follow2())

	both := func(args ...string) {
		t.Helper()
		args = append([]string{"logs"}, args...)
		compare(t, strings.Join(args, " "), run(t, file.apexd(args...)), run(t, unitd.apexd(args...)))
	}
	run(t, exec.Command("journalctl", "--sync"))
	both()
	both("-n", "20")
	both("-n", "5000")
	both("--since", since)
	both("--since", since, "-n", "7")
	both("--level", "warn")
	both("--level", "error", "-n", "15")
	both("--raw", "-n", "60")
	run(t, file.apexd("stop"))
	run(t, unitd.apexd("stop"))
	run(t, exec.Command("journalctl", "--sync"))
	both() // of a daemon without a record
	both("-n", "20")

	var out strings.Builder
	for line := range strings.Lines(run(t, unitd.apexd("logs"))) {
		if !strings.HasPrefix(line, `time="`) {
			out.WriteString(line)
		}
	}
	compare(t, "what the workload wrote", output(), out.String())
	if s := run(t, exec.Command("journalctl", "-ocat", "-perr", "-u"+unit, "APEX_STREAM=output")); !strings.HasPrefix(s, line(50)+"\n"+line(51)+"\n"+line(150)+"\n") {
		t.Errorf("journalctl -p err: %.200q", s)
	}
	if s := run(t, exec.Command("journalctl", "-ocat", "-u"+unit, "APEX_STREAM=lifecycle")); !strings.Contains(s, "\nThe workload is ready (pid=") {
		t.Errorf("journalctl, lifecycle: %s", s)
	}
}

// TestJournalOfTheDaemonItself: what a daemon says of itself before its log is open is in the journal, and not in the workload's log, as in direct mode.
func TestJournalOfTheDaemonItself(t *testing.T) {
	inside(t)
	d := project(t, "  readiness: {type: log, pattern: '^"+firstEnd+"$'}\n")
	unit := d.install(t, "--now")
	config := filepath.Join(d.dir, ".apex", "config.yaml")
	if err := os.WriteFile(config, []byte("daemon: {comand: [x]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("systemctl", "restart", unit).Run(); err == nil {
		t.Error("it starts with a configuration that is wrong")
	}
	run(t, exec.Command("journalctl", "--sync"))
	if s := run(t, exec.Command("journalctl", "-ocat", "-u"+unit)); !strings.Contains(s, "comand") {
		t.Errorf("journalctl: %s", s)
	}
	if err := os.WriteFile(config, []byte("daemon: {command: [x]}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if s := run(t, d.apexd("logs")); !strings.Contains(s, firstEnd) || strings.Contains(s, "comand") {
		t.Errorf("logs: %.2000s", s)
	}
	if s := run(t, exec.Command("systemctl", "show", "--value", "--property=LogRateLimitIntervalUSec", unit)); strings.TrimSpace(s) != "1us" {
		t.Errorf("rate limit %s", s)
	}
}

// TestJournalOfAnother: who may not read the journal is told so.
func TestJournalOfAnother(t *testing.T) {
	inside(t)
	d := project(t, "  log: {store: journal}\n")
	run(t, d.apexd("start"))
	defer run(t, d.apexd("kill"))
	cmd := d.apexd("logs")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 77 || !bytes.Contains(out, []byte("systemd-journal")) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestJournalExplainsAFailedStart: the last words are there although there is no file.
func TestJournalExplainsAFailedStart(t *testing.T) {
	inside(t)
	d := project(t, "  log: {store: journal}\n  readiness: {settle: 30s}\n")
	cmd := d.apexd("start")
	cmd.Args = append(cmd.Args, "--", "sh", "-c", "echo no such table; exit 3")
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("no such table")) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(d.dir, ".apex", "daemon.log")); err == nil {
		t.Error("there is a log file")
	}
	if s := run(t, d.apexd("logs", "-n", "100")); !strings.Contains(s, "\nno such table\n") {
		t.Errorf("logs: %s", s)
	}
}
