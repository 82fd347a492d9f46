package proc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// kinfo is what we use of FreeBSD's struct kinfo_proc (sys/user.h).
type kinfo struct {
	pid, ppid, pgid, sid, uid int
	start                     time.Duration // since 1970
	zombie, suspended         bool
	name                      string
	pages                     int64         // ki_rssize
	cpu                       time.Duration // ki_runtime
}

// layout says where the fields of a kinfo_proc are. The structure begins with its own size, and its size tells the ABI
// (KINFO_PROC_SIZE in sys/user.h, which the kernel promises not to change). All of them are little-endian.
type layout struct {
	size, pid, uid, start, stat, comm int
	rss, runtime                      int // the latter has 8 bytes, of microseconds
	sec, usec                         int // widths of struct timeval's fields, usec at start+sec
	word                              int // width of a long
}

// layouts: amd64, arm64 and riscv64 (LP64); 386 (time_t of 32 bits); arm (32 bits with time_t of 64).
func layouts() []layout {
	return []layout{
		{size: 1088, pid: 72, uid: 168, start: 336, stat: 388, comm: 447, rss: 264, runtime: 328, sec: 8, usec: 8, word: 8},
		{size: 768, pid: 40, uid: 136, start: 280, stat: 308, comm: 367, rss: 228, runtime: 272, sec: 4, usec: 4, word: 4},
		{size: 792, pid: 40, uid: 136, start: 280, stat: 324, comm: 383, rss: 228, runtime: 272, sec: 8, usec: 4, word: 4},
	}
}

const (
	kinfoComm = 20 // COMMLEN + 1
	kinfoStop = 4  // SSTOP, sys/proc.h
	kinfoZomb = 5  // SZOMB
)

var errKinfo = errors.New("unexpected struct kinfo_proc")

// parseKinfo reads the first kinfo_proc in b, as sysctl kern.proc.pid returns it, and returns its size.
func parseKinfo(b []byte) (kinfo, int, error) {
	if len(b) < 4 {
		return kinfo{}, 0, errKinfo
	}
	size := binary.LittleEndian.Uint32(b)
	for _, l := range layouts() {
		if size == uint32(l.size) && len(b) >= l.size {
			return l.read(b[:l.size]), l.size, nil
		}
	}
	return kinfo{}, 0, fmt.Errorf("%w: size %d in %d bytes", errKinfo, size, len(b))
}

func (l layout) read(b []byte) kinfo {
	name, _, _ := bytes.Cut(b[l.comm:l.comm+kinfoComm], []byte{0})
	sec, usec := signed(b[l.start:], l.sec), signed(b[l.start+l.sec:], l.usec)
	return kinfo{
		pid:       int(signed(b[l.pid:], 4)),
		ppid:      int(signed(b[l.pid+4:], 4)),
		pgid:      int(signed(b[l.pid+8:], 4)),
		sid:       int(signed(b[l.pid+16:], 4)), // ki_tpgid is between
		uid:       int(binary.LittleEndian.Uint32(b[l.uid:])),
		start:     time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond,
		zombie:    b[l.stat] == kinfoZomb,
		suspended: b[l.stat] == kinfoStop,
		name:      string(name),
		pages:     signed(b[l.rss:], l.word),
		cpu:       time.Duration(signed(b[l.runtime:], 8)) * time.Microsecond,
	}
}

// signed reads a little-endian integer of width 4 or 8.
func signed(b []byte, width int) int64 {
	if width == 4 {
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// secUsec writes d as "seconds.microseconds", the form of StartTime on the BSDs.
func secUsec(d time.Duration) string {
	return fmt.Sprintf("%d.%06d", d/time.Second, d%time.Second/time.Microsecond)
}
