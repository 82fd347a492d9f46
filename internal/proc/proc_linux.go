package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// here reads the boot id and the PID namespace, and makes sure that /proc speaks of the PIDs that system calls speak of: after
// unshare(CLONE_NEWPID) without a new mount of /proc it does not.
func here() (place, error) {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return place{}, fmt.Errorf("/proc is not usable: %w", err)
	}
	if self != strconv.Itoa(os.Getpid()) {
		return place{}, fmt.Errorf("/proc shows another PID namespace: %w", ErrOtherNamespace)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return place{}, &fs.PathError{Op: "stat", Path: "/proc/self/ns/pid", Err: err}
	}
	boot, err := bootID()
	return place{boot: boot, ns: strconv.FormatUint(st.Ino, 10)}, err
}

// bootID returns "" where the file does not exist: gVisor, systemd's ProcSubset=pid.
func bootID() (string, error) {
	const path = "/proc/sys/kernel/random/boot_id"
	var buf [64]byte
	b, err := readAt(unix.AT_FDCWD, path, buf[:])
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return strings.TrimSpace(string(b)), nil
}

// inspect reads everything through one descriptor of /proc/PID, which stays with one process, so the parts belong together.
func inspect(p place, pid int) (Info, error) {
	dir, err := openDir(pid)
	if err != nil {
		return Info{}, failed(pid, missing(pid, err))
	}
	defer unix.Close(dir)
	info, err := inspectDir(p, dir)
	switch {
	case err != nil:
		return Info{}, failed(pid, missing(pid, err))
	case info.PID != pid || !isProcess(pid):
		return Info{}, failed(pid, ErrNotFound)
	}
	return info, nil
}

func openDir(pid int) (int, error) {
	return unix.Open("/proc/"+strconv.Itoa(pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// inspectDir reads the process that dir is the /proc/PID of. The directory belongs to the effective user also when the
// process is not dumpable (proc(5)), unlike the files in it.
func inspectDir(p place, dir int) (Info, error) {
	var owner unix.Stat_t
	if err := unix.Fstat(dir, &owner); err != nil {
		return Info{}, err
	}
	var buf [1024]byte
	b, err := readAt(dir, "stat", buf[:])
	if err != nil {
		return Info{}, err
	}
	s, err := parseStat(b)
	if err != nil {
		return Info{}, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return Info{}, fmt.Errorf("clock_gettime(CLOCK_BOOTTIME): %w", err)
	}
	age := max(time.Duration(now.Nano())-s.sinceBoot, 0)
	return Info{
		PID: s.pid, PPID: s.ppid, PGID: s.pgid, SID: s.sid, UID: int(owner.Uid),
		Identity: p.identity(s.start), Started: time.Now().Add(-age).Round(0).UTC(), Age: age,
		Zombie: s.zombie(), Suspended: s.state == 'T', Name: s.name,
	}, nil
}

// isProcess reports whether pid is a process and not another thread of one: /proc has entries for both. Signal 0 is none
// (tgkill(2)), and only ESRCH says that there is no thread pid in a process pid.
func isProcess(pid int) bool { return !errors.Is(unix.Tgkill(pid, pid, 0), unix.ESRCH) }

// missing says what it means that /proc/PID could not be read.
func missing(pid int, err error) error {
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOMEM), errors.Is(err, errStat):
		return err
	case !isProcess(pid):
		return ErrNotFound
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return ErrHidden
	}
	return err
}

// readAt reads a small file of /proc with one read(2).
func readAt(dir int, name string, buf []byte) ([]byte, error) {
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}
