package proc

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func here() (place, error) {
	boot, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return place{}, fmt.Errorf("sysctl kern.bootsessionuuid: %w", err)
	}
	return place{boot: boot}, nil
}

func inspect(p place, pid int) (Info, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid) // EIO when there is none
	if err != nil {
		return Info{}, missing(pid, err)
	}
	if int(k.Proc.P_pid) != pid {
		return Info{}, failed(pid, ErrNotFound)
	}
	info := fromKinfo(p, k)
	if sid, err := unix.Getsid(pid); err == nil {
		info.SID = sid
	}
	return info, nil
}

// fromKinfo leaves SID out. Age is by the wall clock: darwin tells no start on a clock that steps leave alone.
func fromKinfo(p place, k *unix.KinfoProc) Info {
	start := time.Duration(k.Proc.P_starttime.Nano())
	started := time.Unix(0, int64(start)).UTC()
	return Info{
		PID: int(k.Proc.P_pid), PPID: int(k.Eproc.Ppid), PGID: int(k.Eproc.Pgid), UID: int(k.Eproc.Ucred.Uid),
		Identity: p.identity(secUsec(start)), Started: started, Age: max(time.Since(started), 0),
		Zombie: k.Proc.P_stat == kinfoZomb, Suspended: k.Proc.P_stat == kinfoStop, Name: unix.ByteSliceToString(k.Proc.P_comm[:]),
	}
}

func list() ([]Info, error) {
	p, err := here()
	if err != nil {
		return nil, err
	}
	ks, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, fmt.Errorf("sysctl kern.proc.all: %w", err)
	}
	all := make([]Info, 0, len(ks))
	for i := range ks {
		if ks[i].Proc.P_pid > 0 {
			all = append(all, fromKinfo(p, &ks[i]))
		}
	}
	return all, nil
}
