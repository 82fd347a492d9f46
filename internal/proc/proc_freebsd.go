package proc

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// here: kern.boot_id is 16 random bytes, from FreeBSD 13. kern.boottime cannot stand in for it, as a step of the clock moves it.
func here() (place, error) {
	id, err := unix.SysctlRaw("kern.boot_id")
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return place{}, fmt.Errorf("sysctl kern.boot_id: %w", err)
	}
	return place{boot: hex.EncodeToString(id)}, nil
}

func inspect(p place, pid int) (Info, error) {
	boot, b, err := kinfoSysctl("kern.proc.pid", pid)
	if err != nil {
		return Info{}, missing(pid, err)
	}
	k, _, err := parseKinfo(b)
	if err != nil {
		return Info{}, failed(pid, err)
	}
	if k.pid != pid { // a thread id finds its process
		return Info{}, failed(pid, ErrNotFound)
	}
	return fromKinfo(p, boot, k), nil
}

// kinfoSysctl reads kinfo_procs and the boot time that the kernel added to their ki_start (fill_kinfo_proc in
// sys/kern/kern_proc.c), which must not change in between.
func kinfoSysctl(name string, args ...int) (boot time.Duration, b []byte, err error) {
	for range 10 { // the clock is not stepped that often, nor does the process table outgrow the buffer (ENOMEM)
		before, err := unix.SysctlTimeval("kern.boottime")
		if err != nil {
			return 0, nil, fmt.Errorf("sysctl kern.boottime: %w", err)
		}
		b, err := unix.SysctlRaw(name, args...)
		if errors.Is(err, unix.ENOMEM) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		after, err := unix.SysctlTimeval("kern.boottime")
		if err == nil && *after == *before {
			return time.Duration(before.Nano()), b, nil
		}
	}
	return 0, nil, fmt.Errorf("sysctl %s: the answer keeps changing", name)
}

// fromKinfo takes the start since boot as identity: unlike ki_start it does not move with the clock.
func fromKinfo(p place, boot time.Duration, k kinfo) Info {
	var now unix.Timespec
	age := max(time.Since(time.Unix(0, int64(k.start))), 0)
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil { // time since boot, clock_gettime(2)
		age = max(time.Duration(now.Nano())-(k.start-boot), 0)
	}
	return Info{
		PID: k.pid, PPID: k.ppid, PGID: k.pgid, SID: k.sid, UID: k.uid,
		Identity: p.identity(secUsec(k.start - boot)), Started: time.Unix(0, int64(k.start)).UTC(), Age: age,
		Zombie: k.zombie, Suspended: k.suspended, Name: k.name,
	}
}

func list() ([]Info, error) {
	p, err := here()
	if err != nil {
		return nil, err
	}
	boot, b, err := kinfoSysctl("kern.proc.proc")
	if err != nil {
		return nil, fmt.Errorf("sysctl kern.proc.proc: %w", err)
	}
	var all []Info
	for len(b) > 0 {
		k, n, err := parseKinfo(b)
		if err != nil {
			return nil, err
		}
		b = b[n:]
		if k.pid > 0 {
			all = append(all, fromKinfo(p, boot, k))
		}
	}
	return all, nil
}
