package storm

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ident is a process for good: its PID and when it began (proc_pid_stat(5), field 22).
type ident struct {
	PID   int
	Begun string
}

// identOf is the process that has pid now; its zero value is none, or a zombie.
func identOf(pid int) ident {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ident{}
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return ident{}
	}
	return ident{pid, f[19]}
}

// holder is the daemon that holds the project's lock at this moment, as the kernel says (proc_locks(5)): not a command that clears away, and not one that only asks.
func (p *project) holder() ident {
	fi, err := os.Stat(p.apex("daemon.pid.lock"))
	if err != nil {
		return ident{}
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	b, err := os.ReadFile("/proc/locks")
	if !ok || err != nil {
		return ident{}
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[3] != "WRITE" || !strings.HasSuffix(f[5], ":"+strconv.FormatUint(st.Ino, 10)) {
			continue
		}
		pid, err := strconv.Atoi(f[4])
		if err == nil && p.roleOf(pid) == "daemon" {
			return identOf(pid)
		}
	}
	return ident{}
}

// graves knows when processes were seen to be gone. It is safe for concurrent use.
type graves struct {
	mu sync.Mutex
	at map[ident]time.Time
}

func (g *graves) bury(who ident) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at == nil {
		g.at = map[ident]time.Time{}
	}
	g.at[who] = time.Now()
}

// startedSlack is how exact startedAt is: the kernel counts in hundredths of a second (proc_pid_stat(5), field 22), and two clocks are read.
const startedSlack = 50 * time.Millisecond

// began is when the process was started, by the wall clock; the zero time where that cannot be told.
func (i ident) began() time.Time {
	var now unix.Timespec
	ticks, err := strconv.ParseInt(i.Begun, 10, 64)
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return time.Time{}
	}
	const tick = 10 * time.Millisecond // of USER_HZ, which is 100 wherever Go runs
	return time.Now().Add(time.Duration(ticks)*tick - time.Duration(now.Nano()))
}

// had reports whether the process that got the PID at started is known to have been gone at t.
func (g *graves) had(pid int, started, t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who, at := range g.at {
		if who.PID == pid && at.Before(t) && who.began().Sub(started).Abs() < startedSlack {
			return true
		}
	}
	return false
}

// used reports whether anybody with the PID is known to be gone.
func (g *graves) used(pid int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for who := range g.at {
		if who.PID == pid {
			return true
		}
	}
	return false
}

// observed is one status, and what the kernel said just before and just after.
type observed struct {
	status
	began  time.Time
	before ident
	after  ident
}

// observe asks apexd for the status between two looks of our own.
func (p *project) observe() (observed, answer) {
	o := observed{began: time.Now(), before: p.holder()}
	a := p.run("status")
	o.after = p.holder()
	o.status = parsed(a)
	return o, a
}

// lie says how a status cannot have been true at any moment while it was made, or "".
func (p *project) lie(o observed, dead *graves) string {
	steady := o.before != ident{} && o.before == o.after
	pid := o.pid()
	switch {
	case o.Exit != 0 && o.Exit != 1 && o.Exit != 3:
		return "no such exit status"
	case o.Running != (o.Exit == 0):
		return "the exit status does not say it"
	case steady && !o.Running:
		return fmt.Sprintf("process %d held the lock all the time", o.before.PID)
	case steady && pid != 0 && pid != o.before.PID:
		return fmt.Sprintf("process %d held the lock all the time, and not %d", o.before.PID, pid)
	case o.Running && pid != 0 && o.StartedAt != nil && dead.had(pid, *o.StartedAt, o.began):
		return fmt.Sprintf("process %d was gone before", pid)
	case o.State == "running" && o.Workload != nil && !p.family(o.Workload.PID, pid): // without a workload it says that the daemon lives, and no more
		return fmt.Sprintf("process %d was never the workload of %d", o.Workload.PID, pid)
	case !o.Running && o.State != "stopped" && o.State != "failed":
		return "the state is not that of a daemon that does not run"
	}
	return ""
}

// family reports whether a workload has said that it was started as pid by daemon.
func (p *project) family(pid, daemon int) bool {
	b, err := os.ReadFile(p.dir + "/families")
	return err == nil && strings.Contains("\n"+string(b), fmt.Sprintf("\n%d %d\n", pid, daemon))
}

// TestLie shows the judge statuses that it has to find.
func TestLie(t *testing.T) {
	p := &project{t: t, dir: t.TempDir()}
	record(p.dir, "families", "8 7")
	seven, none := 7, ident{}
	up := status{Exit: 0, Running: true, State: "running", PID: &seven, Workload: &struct{ PID int }{8}}
	down := status{Exit: 3, State: "stopped"}
	var dead graves
	gone := 1 << 29 // above every PID
	dead.bury(ident{gone, "100"})
	birth := ident{gone, "100"}.began()
	for _, row := range []struct {
		name string
		o    observed
		lies bool
	}{
		{"up", observed{status: up, before: ident{7, "1"}, after: ident{7, "1"}}, false},
		{"up, as somebody else", observed{status: up, before: ident{6, "1"}, after: ident{6, "1"}}, true},
		{"up, while it changed", observed{status: up, before: ident{6, "1"}, after: none}, false},
		{"down", observed{status: down}, false},
		{"down, while one held the lock", observed{status: down, before: ident{7, "1"}, after: ident{7, "1"}}, true},
		{"down, while one took another's PID", observed{status: down, before: ident{7, "1"}, after: ident{7, "2"}}, false},
		{"another workload", observed{status: status{Running: true, State: "running", PID: &seven, Workload: &struct{ PID int }{9}}}, true},
		{"alive, and no more is known", observed{status: status{Running: true, State: "running", PID: &seven}}, false},
		{"a dead one", observed{status: status{Running: true, State: "starting", PID: &gone, StartedAt: &birth}, began: time.Now().Add(time.Hour)}, true},
		{"one that has died since", observed{status: status{Running: true, State: "starting", PID: &gone, StartedAt: &birth}, began: birth}, false},
		{"one that got the PID of a dead one", observed{status: status{Running: true, State: "starting", PID: &gone, StartedAt: new(birth.Add(time.Second))}, began: time.Now().Add(time.Hour)}, false},
		{"cannot tell", observed{status: status{Exit: 4, State: "unknown"}}, true},
		{"a state of the living", observed{status: status{Exit: 3, State: "stopping"}}, true},
	} {
		if got := p.lie(row.o, &dead); (got != "") != row.lies {
			t.Errorf("%s: %q", row.name, got)
		}
	}
}
