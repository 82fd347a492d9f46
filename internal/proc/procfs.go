package proc

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// stat is what we use of /proc/PID/stat.
type stat struct {
	pid, ppid, pgid, sid int
	threads              int
	state                byte
	exiting              bool          // PF_EXITING: its first thread ends, and its memory is gone
	name, start          string        // comm, starttime in the kernel's own words
	sinceBoot            time.Duration // starttime
	cpu                  time.Duration // utime, stime, and cutime and cstime: of children that were waited for
	pages                int64         // rss
}

// pfExiting is a bit of the kernel's flags of a thread (PF_EXITING, include/linux/sched.h): 4 since Linux 1.0.
const pfExiting = 0x4

// tick is the unit of starttime: sysconf(_SC_CLK_TCK) is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

var errStat = errors.New("unexpected content of /proc/PID/stat")

// parseStat reads the content of /proc/PID/stat (proc_pid_stat(5)). The name may hold anything, parentheses and newlines too,
// so the fields after it begin at the last parenthesis.
func parseStat(b []byte) (stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 2 || end < open {
		return stat{}, errStat
	}
	f := strings.Fields(string(b[end+1:])) // f[0] is field 3
	if len(f) < 22 || len(f[0]) != 1 {
		return stat{}, errStat
	}
	s := stat{name: string(b[open+1 : end]), state: f[0][0], start: f[19]}
	for _, field := range []struct {
		to   *int
		text string
	}{{&s.pid, string(b[:open-1])}, {&s.ppid, f[1]}, {&s.pgid, f[2]}, {&s.sid, f[3]}, {&s.threads, f[17]}} {
		n, err := strconv.ParseInt(field.text, 10, 32)
		if err != nil {
			return stat{}, errStat
		}
		*field.to = int(n)
	}
	flags, err := strconv.ParseUint(f[6], 10, 32)
	if err != nil {
		return stat{}, errStat
	}
	s.exiting = flags&pfExiting != 0
	ok := true
	ticks := func(text string) time.Duration {
		n, err := strconv.ParseUint(text, 10, 64)
		ok = ok && err == nil && n <= uint64(math.MaxInt64/tick)
		return time.Duration(n) * tick
	}
	s.sinceBoot = ticks(s.start)
	for _, field := range f[11:15] {
		s.cpu += ticks(field)
	}
	pages, err := strconv.ParseInt(f[21], 10, 64)
	if err != nil || !ok {
		return stat{}, errStat
	}
	s.pages = pages
	return s, nil
}

// zombie reports whether the process has ended. State Z with more threads than one is a process whose first thread has
// ended and whose others run on: that one lives.
func (s stat) zombie() bool {
	return s.state == 'X' || s.state == 'x' || s.state == 'Z' && s.threads <= 1
}

// parsePIDs reads the content of /proc/PID/task/TID/children, PIDs separated by spaces, and leaves out what is none.
func parsePIDs(b []byte) []int {
	var pids []int
	for f := range bytes.FieldsSeq(b) {
		if pid := parsePID(string(f)); pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parsePID returns the PID that s is in decimal, or 0.
func parsePID(s string) int {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// hasEnv reports whether environ, NUL-terminated strings as in /proc/PID/environ, holds all of kv.
func hasEnv(environ []byte, kv []string) bool {
	for _, want := range kv {
		if !hasVar(environ, want) {
			return false
		}
	}
	return true
}

func hasVar(environ []byte, want string) bool {
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		if string(v) == want {
			return true
		}
	}
	return false
}

// parseLocks returns the PID in the first line of /proc/locks (proc_locks(5)) that names a granted FLOCK on the file dev:inode.
//
//	1: FLOCK  ADVISORY  WRITE 708 08:01:2097217 0 EOF
//	1: -> FLOCK  ADVISORY  WRITE 709 08:01:2097217 0 EOF     (waits for it)
func parseLocks(b []byte, major, minor uint32, inode uint64) (int, bool) {
	for line := range bytes.Lines(b) {
		f := strings.Fields(string(line))
		if len(f) < 6 || f[1] != "FLOCK" || !sameFile(f[5], major, minor, inode) {
			continue
		}
		if pid := parsePID(f[4]); pid > 0 {
			return pid, true
		}
	}
	return 0, false
}

// sameFile reports whether s is major:minor:inode; the first two are hexadecimal there.
func sameFile(s string, major, minor uint32, inode uint64) bool {
	f := strings.Split(s, ":")
	if len(f) != 3 {
		return false
	}
	ma, e1 := strconv.ParseUint(f[0], 16, 32)
	mi, e2 := strconv.ParseUint(f[1], 16, 32)
	in, e3 := strconv.ParseUint(f[2], 10, 64)
	return errors.Join(e1, e2, e3) == nil && ma == uint64(major) && mi == uint64(minor) && in == inode
}
