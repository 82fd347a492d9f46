//go:build linux && (amd64 || arm64)

package inject

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Step is one system call of one role's.
type Step struct {
	Role   string // who: what Supervisor.Role says of the command line; with "'s child", between fork and exec
	Call   string // what: open, create, write, rename …
	Target string // of what: a path below one of Supervisor.Places, "pipe", the name of a program, of a signal
	Nth    int    // for the which time, from 1
}

// String is "daemon rename P/.apex/daemon.pid #2".
func (s Step) String() string { return fmt.Sprintf("%s %s %s #%d", s.Role, s.Call, s.Target, s.Nth) }

// describe names n's step, without Nth. It reports false where n touches nothing of interest.
func (s *Supervisor) describe(n *notification, tgid int) (Step, bool) {
	c := s.calls[n.data.nr]
	step := Step{Call: c.name}
	switch c.of {
	case ofNothing:
		return step, true
	case ofSignal:
		step.Target = unix.SignalName(unix.Signal(n.data.args[c.at]))
		return step, n.data.args[c.at] != 0
	case ofProgram:
		step.Target = filepath.Base(text(tgid, n.data.args[c.at]))
		return step, true
	case ofFile:
		path := descriptor(tgid, int32(n.data.args[c.at]))
		if strings.HasPrefix(path, "pipe:") {
			step.Target = "pipe"
			return step, c.name == "write"
		}
		step.Target = s.short(path)
	case ofPath:
		path := text(tgid, n.data.args[c.at+1])
		if dir := int32(n.data.args[c.at]); !filepath.IsAbs(path) {
			path = filepath.Join(descriptor(tgid, dir), path)
		}
		step.Target = s.short(path)
		if c.nr == unix.SYS_OPENAT && n.data.args[2]&unix.O_CREAT != 0 {
			step.Call = "create"
		}
	}
	return step, step.Target != ""
}

// temporary is what differs from run to run in the name of a file that will be renamed.
func temporary() *regexp.Regexp { return regexp.MustCompile(`\d+-\d+\.tmp$|[0-9a-f]{16}`) }

// short is path with the name of its place, or "" where it is in none.
func (s *Supervisor) short(path string) string {
	path = strings.TrimSuffix(path, " (deleted)")
	for name, dir := range s.Places {
		if rest, ok := strings.CutPrefix(path, dir); ok && (rest == "" || rest[0] == '/') {
			return name + s.temporary.ReplaceAllString(rest, "*")
		}
	}
	return ""
}

// text reads a string of the process.
func text(pid int, address uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, unix.PathMax)
	n, _ := f.ReadAt(b, int64(address)) // what is behind the string may not be there
	path, _, _ := strings.Cut(string(b[:n]), "\x00")
	return path
}

// descriptor is what the process has open as fd; its working directory for AT_FDCWD.
func descriptor(pid int, fd int32) string {
	name := fmt.Sprintf("/proc/%d/fd/%d", pid, fd)
	if fd == unix.AT_FDCWD {
		name = fmt.Sprintf("/proc/%d/cwd", pid)
	}
	path, _ := os.Readlink(name) // "" is in no place
	return path
}

// arguments is a process's command line.
func arguments(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // none when it is gone
	return string(b)
}

// leader is the process of a thread, 0 when it is gone.
func leader(tid int) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid)) // nothing when it is gone
	_, rest, _ := strings.Cut(string(b), "\nTgid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	pid, _ := strconv.Atoi(line)
	return pid
}
