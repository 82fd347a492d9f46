package storm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// triesVariable is how many commands TestPIDChurn runs in each of its rows.
const triesVariable = "APEXD_STORM_TRIES"

// churned is what a churner has seen.
type churned struct {
	Recorded, RecordedHit   int // processes that the record names, and those of them that were signalled, as they may be
	Bystanders, StrangerHit int // processes that had the PID afterwards, and those that were signalled, as none may be
}

// TestPIDChurn: in a PID namespace of its own, the recorded PID is given to a bystander every few milliseconds while commands run. No bystander is ever signalled: neither after
// the daemon is long gone, nor when it ends, and another process has its PID, at any moment of the command that stops it.
func TestPIDChurn(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		inNamespaces(t, 2*time.Hour)
		return
	}
	smallRange(t)
	for _, row := range []string{"gone", "ending"} {
		t.Run(row, func(t *testing.T) {
			p := newProject(t)
			p.must("start", 0)
			s, now := p.one()
			kill(t, s.pid())
			kill(t, now.Workloads[0])
			for _, pid := range p.scan().Grandchildren { // a record that names no workload does not lead to it
				kill(t, pid)
			}
			p.must("status", 1)
			end := p.churn(row, s.pid(), now.Workloads[0])
			exits := p.hammer(tries(t))
			c := end()
			if c.StrangerHit > 0 {
				t.Errorf("%d of %d bystanders were signalled", c.StrangerHit, c.Bystanders)
			}
			if c.Bystanders == 0 || row == "ending" && c.RecordedHit == 0 {
				t.Errorf("nothing was tried: %+v", c)
			}
			t.Logf("%+v; exit statuses: %v", c, exits)
			p.must("stop", 0)
		})
	}
}

func tries(t *testing.T) int {
	t.Helper()
	text := os.Getenv(triesVariable)
	if text == "" {
		return scaled(400, 80)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", triesVariable, err)
	}
	return n
}

// smallRange makes PIDs few, where that is this namespace's own affair: since Linux 6.14 (pid_namespaces(7), pid_max). Before, who asks for a PID gets it all the same.
func smallRange(t *testing.T) {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil || major < 6 || major == 6 && minor < 14 {
		t.Log("PIDs are as many as on the whole machine")
		return
	}
	if err := os.WriteFile("/proc/sys/kernel/pid_max", []byte("500"), 0); err != nil {
		t.Log(err)
	}
}

// hammer runs n commands, four at a time.
func (p *project) hammer(n int) map[string]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	exits := map[string]int{}
	verbs := []string{"stop", "kill", "status", "stop", "reload"}
	for worker := range 4 {
		wg.Go(func() {
			for i := range n / 4 {
				verb := verbs[(worker+i)%len(verbs)]
				a := p.run(verb)
				mu.Lock()
				exits[fmt.Sprintf("%s %d", verb, a.Exit)]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return exits
}

// churn starts a churner for the PIDs of a daemon and a workload that are gone. The function ends it.
func (p *project) churn(mode string, pids ...int) func() churned {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	args := []string{"churner", p.dir, p.home, mode}
	for _, pid := range pids {
		args = append(args, strconv.Itoa(pid))
	}
	cmd := exec.CommandContext(p.t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // a thread takes a PID too
	stdin, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	ready, w, err := os.Pipe()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd.ExtraFiles = []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		p.t.Fatal(err)
	}
	_, _ = io.ReadAll(ready) // its end says that the files were read, which the first stop removes
	ready.Close()
	return func() churned {
		p.t.Helper()
		stdin.Close()
		err := cmd.Wait()
		var c churned
		if e := json.Unmarshal(out.Bytes(), &c); err != nil || e != nil {
			p.t.Fatalf("the churner: %v, %v: %s", err, e, out.String())
		}
		return c
	}
}

// churner DIR HOME gone|ending PID… gives the PIDs to one process after the other until its standard input ends, and keeps the record and the index there, which name
// the first of them. With ending, the record names a process that is there, and ends at a random moment.
func churner(args []string) int {
	dir, home, mode := args[0], args[1], args[2]
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = os.Stdin.Read(make([]byte, 1)) // its end is the word
	}()
	record := filepath.Join(dir, ".apex", "daemon.pid")
	entries, _ := filepath.Glob(filepath.Join(home, ".local/state/apexd/daemons/*.json")) // the pattern is well-formed
	if len(entries) != 1 {
		fmt.Println(entries)
		return 1
	}
	files := map[string][]byte{}
	for _, path := range []string{record, entries[0]} {
		b, err := os.ReadFile(path)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		files[path] = b
	}
	os.NewFile(3, "ready").Close()
	var c churned
	for {
		select {
		case <-ended:
			_ = json.NewEncoder(os.Stdout).Encode(c)
			return 0
		default:
		}
		for _, text := range args[3:] {
			pid, _ := strconv.Atoi(text) // ours
			if mode == "ending" {
				c.recorded(pid, record, files[record])
			} else {
				restore(files)
			}
			c.bystander(pid)
		}
	}
}

// recorded has a process take the PID, puts it into the record when it is old enough to be told from the next, and ends it a little later.
func (c *churned) recorded(pid int, path string, text []byte) {
	b := newBystander(pid)
	if b == nil {
		return
	}
	<-time.After(30 * time.Millisecond) // three ticks, of which the identity is made
	var r map[string]any
	if json.Unmarshal(text, &r) == nil {
		r["pid"], r["identity"].(map[string]any)["startTime"] = pid, startTime(pid)
		delete(r, "workload")
		if now, err := json.Marshal(r); err == nil {
			restore(map[string][]byte{path: now})
		}
	}
	<-time.After(time.Duration(rand.IntN(20_000)) * time.Microsecond)
	c.Recorded++
	if b.end() {
		c.RecordedHit++
	}
}

// bystander has a process take the PID for some milliseconds.
func (c *churned) bystander(pid int) {
	b := newBystander(pid)
	if b == nil {
		return
	}
	<-time.After(time.Duration(rand.IntN(5000)) * time.Microsecond)
	c.Bystanders++
	if b.end() {
		c.StrangerHit++
	}
}

// restore puts files back as they were, each in one step.
func restore(files map[string][]byte) {
	for path, b := range files {
		if os.WriteFile(path+".new", b, 0o644) == nil {
			_ = os.Rename(path+".new", path) // the next will do
		}
	}
}

// bystander is a process that any signal ends, and otherwise the end of its standard input.
type bystander struct {
	process *os.Process
	stdin   io.Closer
}

// newBystander starts one with this PID. It is nil where the PID is taken, by a thread for example.
func newBystander(pid int) *bystander {
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // without an output cat ends at once
	if err != nil {
		w.Close()
		return nil
	}
	defer null.Close()
	if os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0) != nil {
		w.Close()
		return nil
	}
	p, err := os.StartProcess("/bin/cat", []string{"cat"}, &os.ProcAttr{Files: []*os.File{r, null, null}})
	if err != nil {
		w.Close()
		return nil
	}
	b := &bystander{p, w}
	if p.Pid != pid {
		b.end()
		return nil
	}
	return b
}

// end ends it, and reports whether a signal had done so.
func (b *bystander) end() bool {
	b.stdin.Close()
	s, err := b.process.Wait()
	return err == nil && s.Sys().(syscall.WaitStatus).Signaled()
}

// startTime is field 22 of /proc/PID/stat (proc_pid_stat(5)).
func startTime(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // ours, and not reaped
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// TestNotTheDaemon: what the record names exists and is not the daemon: a thread, a zombie, a process of another boot or of another PID namespace. Nobody is signalled, and
// nobody is called running.
func TestNotTheDaemon(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		inNamespaces(t, 2*time.Hour)
		return
	}
	for _, row := range []struct {
		name string
		edit func(r map[string]any, id map[string]any, live, dead int)
	}{
		{"a thread", func(r, id map[string]any, live, _ int) {
			tid := thread(live)
			r["pid"], id["startTime"] = tid, startTime(tid)
		}},
		{"a zombie", func(r, id map[string]any, _, dead int) { r["pid"], id["startTime"] = dead, startTime(dead) }},
		{"another boot", func(r, id map[string]any, live, _ int) {
			r["pid"], id["startTime"], id["bootId"] = live, startTime(live), "00000000-0000-0000-0000-000000000000"
		}},
		{"another namespace", func(r, id map[string]any, live, _ int) {
			r["pid"], id["startTime"], id["pidNamespace"] = live, startTime(live), "1"
		}},
		{"PID 1", func(r, _ map[string]any, _, _ int) { r["pid"] = 1 }},
		{"the parent", func(r, _ map[string]any, _, _ int) { r["pid"] = os.Getpid() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newProject(t)
			p.must("start", 0)
			s, now := p.one()
			kill(t, s.pid())
			kill(t, now.Workloads[0])
			kill(t, now.Grandchildren[0])
			b, err := os.ReadFile(p.apex("daemon.pid"))
			var r map[string]any
			if err := errors.Join(err, json.Unmarshal(b, &r)); err != nil {
				t.Fatal(err)
			}
			live, dead := p.witnesses()
			row.edit(r, r["identity"].(map[string]any), live, dead)
			if b, err = json.Marshal(r); err != nil {
				t.Fatal(err)
			}
			for _, verb := range []string{"status", "stop", "kill", "reload", "status"} {
				restore(map[string][]byte{p.apex("daemon.pid"): b})
				if a := p.run(verb); verb == "status" && a.Exit == 0 {
					t.Errorf("status: %s", a.Text)
				}
			}
			if args := arguments(live); len(args) < 2 || args[1] != "stranger" {
				t.Errorf("PID %d is no stranger's any more: %q", live, args)
			}
			for what := range p.ledger() {
				if what != "main" {
					t.Errorf("ledger: %s", what)
				}
			}
		})
	}
}

// witnesses are a live process with threads, which tells of each signal, and one that has ended and is not reaped until the test ends.
func (p *project) witnesses() (live, dead int) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	l := exec.CommandContext(p.t.Context(), self, "stranger", p.dir)
	out, err := l.StdoutPipe()
	d := exec.CommandContext(p.t.Context(), "/bin/true")
	if err := errors.Join(err, l.Start(), d.Start()); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = l.Process.Kill()
		_ = errors.Join(l.Wait(), d.Wait()) // of one that was killed
	})
	if _, err := fmt.Fscan(out, &live); err != nil {
		p.t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, d.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		p.t.Fatal(err)
	}
	return live, d.Process.Pid
}

// thread is one of the process's that is not the first.
func thread(pid int) int {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // ours
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil && tid != pid {
			return tid
		}
	}
	return 0
}
