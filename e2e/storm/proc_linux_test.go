package storm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// processes is what /proc has of a project, as PIDs. A zombie has no command line (proc_pid_cmdline(5)) and is none.
type processes struct {
	Daemons, Clients, Workloads, Grandchildren []int
}

func (p *project) scan() processes {
	var found processes
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		switch p.roleOf(pid) {
		case "daemon":
			found.Daemons = append(found.Daemons, pid)
		case "client":
			found.Clients = append(found.Clients, pid)
		case "workload":
			found.Workloads = append(found.Workloads, pid)
		case "grandchild":
			found.Grandchildren = append(found.Grandchildren, pid)
		}
	}
	return found
}

// roleOf says what the process is to this project, by its arguments; "" is nothing.
func (p *project) roleOf(pid int) string {
	args := arguments(pid)
	switch {
	case len(args) < 3 || !slices.Contains(args, p.dir):
		return ""
	case args[1] == "workload" || args[1] == "grandchild":
		return args[1]
	case args[1] == "flood":
		return "workload"
	case args[0] != program():
		return ""
	case args[1] == "run":
		return "daemon"
	}
	return "client"
}

func (ps processes) all() []int {
	return slices.Concat(ps.Daemons, ps.Clients, ps.Workloads, ps.Grandchildren)
}

func (ps processes) equal(other processes) bool { return slices.Equal(ps.all(), other.all()) }

// contradicts says how s differs from what is, or "".
func (ps processes) contradicts(s status) string {
	switch {
	case len(ps.Clients) > 0:
		return "somebody is still at work"
	case len(ps.Daemons) > 1:
		return "there are several daemons"
	case len(ps.Workloads) > 1:
		return "there are several workloads"
	case s.Running != (len(ps.Daemons) == 1):
		return "running is not true"
	case s.Running != (s.Exit == 0) || s.Exit == 4:
		return "the exit status does not say it"
	case s.Running && s.pid() != ps.Daemons[0]:
		return "pid is another"
	case s.State == "running" && (len(ps.Workloads) != 1 || s.Workload == nil || s.Workload.PID != ps.Workloads[0]):
		return "the workload is another"
	case !s.Running && len(ps.Workloads) > 0:
		return "a workload has outlived its daemon"
	case !s.Running && s.State != "stopped" && s.State != "failed":
		return "the state is not that of a daemon that does not run"
	}
	return ""
}

// arguments is a process's command line; none when it is gone, or a zombie.
func arguments(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// describe is what /proc tells of a process, for a failure's text.
func describe(pid int) string { return fmt.Sprintf("process %d: %q", pid, arguments(pid)) }
