//go:build linux && (amd64 || arm64)

package inject

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supervisor answers for the steps of what was started under it. Places and Role are set before Start. It is safe for concurrent use.
type Supervisor struct {
	Places map[string]string // directories whose files count, by short names
	// Role names a process by its command line; "" is somebody whose steps do not count.
	Role func(args []string) string

	calls     map[uint32]call
	temporary *regexp.Regexp
	serving   sync.WaitGroup

	mu        sync.Mutex
	processes map[int]*process
	armed     bool
	rules     []Rule
	next      map[Step]Fault // by a step without Nth: what a short write is followed by
	lasting   map[string]Fault
	count     map[Step]int
	steps     []Step
	hits      []Rule
}

// Rule is a fault for a step.
type Rule struct {
	Step
	Fault
}

// String is "daemon rename P/.apex/daemon.pid #2: EIO".
func (r Rule) String() string { return r.Step.String() + ": " + r.Name }

// process is one that has taken a held step.
type process struct {
	born     string // its command line when it was first seen: until it executes another program that is its parent's
	executed bool
	doomed   bool // it is killed at its next held call
}

// New returns a Supervisor that lets everything pass.
func New(places map[string]string, role func(args []string) string) *Supervisor {
	s := &Supervisor{Places: places, Role: role, calls: map[uint32]call{}, temporary: temporary(), processes: map[int]*process{}}
	for _, c := range calls() {
		s.calls[c.nr] = c
	}
	return s
}

// Arm counts steps from now on, and has rules happen. What was counted before is forgotten.
func (s *Supervisor) Arm(rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.rules, s.steps, s.hits = true, rules, nil, nil
	s.count, s.next, s.lasting = map[Step]int{}, map[Step]Fault{}, map[string]Fault{}
}

// Disarm lets everything pass again, and returns the steps that were taken, in their order, and the rules that have happened.
func (s *Supervisor) Disarm() (steps []Step, hits []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	return slices.Clone(s.steps), slices.Clone(s.hits)
}

// Wait returns when all that was started under s has ended.
func (s *Supervisor) Wait() { s.serving.Wait() }

// notification and answer are struct seccomp_notif and struct seccomp_notif_resp (seccomp_unotify(2)).
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  struct {
		nr, arch uint32
		ip       uint64
		args     [6]uint64
	}
}

type answer struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// serve answers until the last process of a listener has ended.
func (s *Supervisor) serve(listener int) {
	defer unix.Close(listener)
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); errors.Is(err, unix.EINTR) {
			continue
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			return // POLLHUP: nobody is left
		}
		var n notification
		if request(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)) != nil {
			continue // ENOENT: it was killed meanwhile
		}
		a, alive := s.answer(&n)
		if !alive {
			continue
		}
		a.id = n.id
		_ = request(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)) // the same
	}
}

func request(fd int, what uint, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(what), uintptr(arg))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return errno
		default:
			return nil
		}
	}
}

// pass has the kernel do what was asked for.
func pass() answer { return answer{flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE} }

// answer decides on one step. The process is held meanwhile: its PID is its own. alive is false when it was killed, and then has done nothing more.
func (s *Supervisor) answer(n *notification) (a answer, alive bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tgid := leader(int(n.pid))
	if tgid == 0 {
		return pass(), true
	}
	role, p := s.role(tgid)
	if p.doomed {
		s.kill(tgid)
		return a, false
	}
	if !s.armed || role == "" {
		return pass(), true
	}
	step, ok := s.describe(n, tgid)
	if !ok {
		return pass(), true
	}
	step.Role = role
	kind := step
	s.count[kind]++
	step.Nth = s.count[kind]
	s.steps = append(s.steps, step)
	return s.apply(n, tgid, p, kind, step)
}

// apply has a step's fault happen.
func (s *Supervisor) apply(n *notification, tgid int, p *process, kind, step Step) (a answer, alive bool) {
	f, ok := s.fault(kind, step)
	switch {
	case !ok:
		return pass(), true
	case f.Kill:
		s.kill(tgid)
		return a, false
	case f.After:
		p.doomed = true
		return pass(), true
	case f.Short:
		s.next[kind] = Fault{Name: "ENOSPC", Errno: unix.ENOSPC}
		if done, err := half(n, tgid); err == nil {
			return answer{value: int64(done)}, true
		}
		return pass(), true
	}
	return answer{errno: -int32(f.Errno)}, true
}

// fault is that of a step.
func (s *Supervisor) fault(kind, step Step) (Fault, bool) {
	if f, ok := s.next[kind]; ok {
		delete(s.next, kind)
		return f, true
	}
	for _, r := range s.rules {
		if r.Step == step {
			s.hits = append(s.hits, r)
			if r.Lasting {
				s.lasting[step.Role] = r.Fault
			}
			return r.Fault, true
		}
	}
	f, ok := s.lasting[step.Role]
	return f, ok && f.hits(step.Call)
}

// kill ends a held process, which gets no answer: its call is not made.
func (s *Supervisor) kill(tgid int) {
	_ = unix.Kill(tgid, unix.SIGKILL) // it is held, so it is there
	delete(s.processes, tgid)
}

// role names a process.
func (s *Supervisor) role(tgid int) (string, *process) {
	line := arguments(tgid)
	p := s.processes[tgid]
	if p == nil {
		p = &process{born: line}
		s.processes[tgid] = p
	}
	p.executed = p.executed || p.born != line
	name := s.Role(strings.Split(strings.TrimSuffix(line, "\x00"), "\x00"))
	if name != "" && !p.executed {
		name += "'s child"
	}
	return name, p
}

// half does the first half of a write in the process's place, to the same open file, and returns how many bytes that was.
func half(n *notification, tgid int) (int, error) {
	pidfd, err := unix.PidfdOpen(tgid, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, int(n.data.args[0]), 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	b := make([]byte, n.data.args[2]/2)
	if len(b) == 0 {
		return 0, errors.New("there is no half of it")
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(n.data.args[1]), Len: len(b)}}
	if _, err := unix.ProcessVMReadv(tgid, local, remote, 0); err != nil {
		return 0, err
	}
	if n.data.nr == unix.SYS_PWRITE64 {
		return unix.Pwrite(fd, b, int64(n.data.args[3]))
	}
	return unix.Write(fd, b)
}
