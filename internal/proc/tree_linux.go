package proc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

func descendants(pid int) ([]Info, error) {
	p, err := here()
	if err != nil {
		return nil, err
	}
	if _, err := inspect(p, pid); err != nil {
		return nil, err
	}
	if _, err := os.Stat("/proc/thread-self/children"); err != nil { // CONFIG_PROC_CHILDREN is off
		all, err := scan(p)
		return below(all, pid), err
	}
	return walk(p, pid, children), nil
}

// walk follows the kernel's lists of children. A process whose parent ends meanwhile becomes the child of a subreaper further up, usually root, whose children have
// been listed by then; so root is asked again until it has nobody new.
func walk(p place, root int, children func(pid int) []int) []Info {
	seen := map[int]bool{root: true}
	var out []Info
	for found := -1; found < len(out); {
		found = len(out)
		for next := []int{root}; len(next) > 0; next = next[1:] {
			for _, pid := range children(next[0]) {
				info, err := inspect(p, pid)
				if err != nil || info.Zombie || seen[pid] || !seen[info.PPID] { // gone, or another process now
					continue
				}
				seen[pid] = true
				out = append(out, info)
				next = append(next, pid)
			}
		}
	}
	return out
}

// children returns the children of pid: those of each of its threads.
func children(pid int) []int {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/"
	threads, err := names(dir)
	if err != nil {
		return nil
	}
	var pids []int
	var buf bytes.Buffer
	for _, tid := range threads {
		if readAll(unix.AT_FDCWD, dir+tid+"/children", &buf) == nil {
			pids = append(pids, parsePIDs(buf.Bytes())...)
		}
	}
	return pids
}

func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}

func list() ([]Info, error) {
	p, err := here()
	if err != nil {
		return nil, err
	}
	return scan(p)
}

// scan returns every process that /proc lists.
func scan(p place) ([]Info, error) {
	var all []Info
	err := each(func(dir int) error {
		info, err := inspectDir(p, dir)
		if err == nil {
			all = append(all, info)
		}
		return err
	})
	return all, err
}

// each calls fn with a descriptor of the /proc/PID of every process. Threads are not listed there. It ends with the first error that is not about that one process.
func each(fn func(dir int) error) error {
	entries, err := names("/proc")
	if err != nil {
		return err
	}
	for _, name := range entries {
		pid := parsePID(name)
		if pid == 0 {
			continue
		}
		dir, err := openDir(pid)
		if err == nil {
			err = fn(dir)
			unix.Close(dir)
		}
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM) {
			return &os.PathError{Op: "open", Path: "/proc/" + name, Err: err}
		} // else it has ended, or is not for us to see
	}
	return nil
}

func withEnv(kv []string) ([]Info, error) {
	p, err := here()
	if err != nil {
		return nil, err
	}
	var out []Info
	var buf bytes.Buffer
	err = each(func(dir int) error {
		if err := readAll(dir, "environ", &buf); err != nil || !hasEnv(buf.Bytes(), kv) {
			return err
		}
		info, err := inspectDir(p, dir)
		if err == nil && !info.Zombie {
			out = append(out, info)
		}
		return err
	})
	return out, err
}

func exiting() ([]Info, error) {
	p, err := here()
	if err != nil {
		return nil, err
	}
	var out []Info
	var buf bytes.Buffer
	err = each(func(dir int) error {
		if err := readAll(dir, "stat", &buf); err != nil {
			return err
		}
		if s, err := parseStat(buf.Bytes()); err != nil || !s.exiting || s.zombie() {
			return err
		}
		info, err := inspectDir(p, dir)
		if err == nil {
			out = append(out, info)
		}
		return err
	})
	return out, err
}

// readAll reads dir/name, a file of the kernel's, into buf, which is emptied first. It does without os, which would ask with eight system calls more whether
// the file can be waited for.
func readAll(dir int, name string, buf *bytes.Buffer) error {
	buf.Reset()
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = buf.ReadFrom(reader(fd))
	return err
}

// reader reads a descriptor.
type reader int

func (fd reader) Read(b []byte) (int, error) {
	n, err := unix.Read(int(fd), b)
	switch {
	case err != nil:
		return 0, err
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

func setSubreaper() error {
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

func hasOpen(pid int, path string) bool {
	want, err := os.Stat(path)
	if err != nil {
		return false
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	fds, _ := os.ReadDir(dir) // what cannot be read has nothing
	return slices.ContainsFunc(fds, func(fd os.DirEntry) bool {
		fi, err := os.Stat(dir + fd.Name())
		return err == nil && os.SameFile(fi, want)
	})
}

func lockHolder(path string) (int, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, false
	}
	b, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, false
	}
	dev := uint64(st.Dev)
	return parseLocks(b, unix.Major(dev), unix.Minor(dev), st.Ino)
}
