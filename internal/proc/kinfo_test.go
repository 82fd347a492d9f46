package proc

import (
	"encoding/binary"
	"testing"
	"time"
	"unsafe"
)

// kinfoHead, timeval twice and kinfoTail are the beginning of struct kinfo_proc as FreeBSD's sys/user.h declares it, so that the Go
// compiler computes the offsets a second time. On a 64-bit machine Go aligns int64 as arm does; i386 has none before ki_comm
// but ki_runtime, which is aligned anyway.
type kinfoHead[ptr any] struct {
	structsize, layout                        int32
	args, paddr, addr, tracep, textvp, fd, vm ptr
	wchan                                     ptr
	pid, ppid, pgid, tpgid, sid, tsid         int32
	jobc, spare1                              int16
	tdev                                      uint32
	sigs                                      [4][16]byte
	uid, ruid, svuid, rgid, svgid             uint32
	ngroups, spare2                           int16
	groups                                    [16]uint32
	size, rssize, swrss, tsize, dsize, ssize  ptr
	xstat, acflag                             uint16
	pctcpu, estcpu, slptime, swtime           uint32
	cow                                       int32
	runtime                                   uint64
}

type kinfoTail[ptr any] struct {
	flag, kiflag                              ptr
	traceflag                                 int32
	stat, nice, lock, rqindex, oncpu, lastcpu byte
	tdname                                    [17]byte
	wmesg                                     [9]byte
	login                                     [18]byte
	lockname                                  [9]byte
	comm                                      [20]byte
}

type timeval[S, U any] struct {
	sec  S
	usec U
}

type kinfoProc[ptr, tv any] struct {
	kinfoHead[ptr]
	start, childtime tv
	kinfoTail[ptr]
}

func offsets[ptr, tv any](size, sec, usec, word int) layout {
	var k kinfoProc[ptr, tv]
	tail := int(unsafe.Offsetof(k.kinfoTail))
	return layout{
		size: size, sec: sec, usec: usec, word: word,
		rss: int(unsafe.Offsetof(k.kinfoHead.rssize)), runtime: int(unsafe.Offsetof(k.kinfoHead.runtime)),
		pid: int(unsafe.Offsetof(k.kinfoHead.pid)), uid: int(unsafe.Offsetof(k.kinfoHead.uid)),
		start: int(unsafe.Offsetof(k.start)),
		stat:  tail + int(unsafe.Offsetof(k.kinfoTail.stat)), comm: tail + int(unsafe.Offsetof(k.kinfoTail.comm)),
	}
}

func TestKinfoLayouts(t *testing.T) {
	if unsafe.Alignof(struct{ n int64 }{}) != 8 {
		t.Skip("this machine aligns int64 to 4 bytes: the arm layout cannot be computed here")
	}
	want := map[string]layout{
		"LP64": offsets[uint64, timeval[int64, int64]](1088, 8, 8, 8),
		"i386": offsets[uint32, timeval[int32, int32]](768, 4, 4, 4),
		"arm":  offsets[uint32, timeval[int64, int32]](792, 8, 4, 4),
	}
	for name, w := range want {
		found := false
		for _, l := range layouts() {
			if l.size == w.size {
				found = true
				if l != w {
					t.Errorf("%s: %+v, computed %+v", name, l, w)
				}
			}
		}
		if !found {
			t.Errorf("%s: no layout of size %d", name, w.size)
		}
	}
}

// encode writes a kinfo_proc in layout l.
func (l layout) encode(k kinfo) []byte {
	b := make([]byte, l.size)
	le := binary.LittleEndian
	put := func(at, width int, v int64) {
		if width == 4 {
			le.PutUint32(b[at:], uint32(v))
		} else {
			le.PutUint64(b[at:], uint64(v))
		}
	}
	put(0, 4, int64(l.size))
	for i, v := range []int{k.pid, k.ppid, k.pgid, -1, k.sid} {
		put(l.pid+4*i, 4, int64(v))
	}
	put(l.uid, 4, int64(k.uid))
	put(l.start, l.sec, int64(k.start/time.Second))
	put(l.start+l.sec, l.usec, int64(k.start%time.Second/time.Microsecond))
	if k.zombie {
		b[l.stat] = 5
	}
	if k.suspended {
		b[l.stat] = 4
	}
	copy(b[l.comm:], k.name)
	put(l.rss, l.word, k.pages)
	put(l.runtime, 8, int64(k.cpu/time.Microsecond))
	return b
}

func TestParseKinfo(t *testing.T) {
	rows := []struct {
		name string
		k    kinfo
	}{
		{"plain", kinfo{pid: 812, ppid: 1, pgid: 810, sid: 800, uid: 1001, start: 1700000000*time.Second + 123456*time.Microsecond, name: "apexd", pages: 1234, cpu: 5*time.Second + 6*time.Microsecond}},
		{"zombie", kinfo{pid: 7, zombie: true, name: "x"}},
		{"suspended", kinfo{pid: 7, suspended: true, name: "x"}},
		{"nobody, longest name", kinfo{pid: 99999, uid: 65534, name: "nineteen characters"}},
	}
	for _, l := range layouts() {
		for _, r := range rows {
			t.Run(r.name, func(t *testing.T) {
				b := append(l.encode(r.k), 1, 2, 3)
				k, n, err := parseKinfo(b)
				if err != nil || k != r.k || n != l.size {
					t.Errorf("size %d: got %+v, %d, %v; want %+v", l.size, k, n, err, r.k)
				}
				if _, _, err := parseKinfo(b[:l.size-1]); err == nil {
					t.Errorf("size %d: accepted when cut short", l.size)
				}
			})
		}
	}
	if _, _, err := parseKinfo(make([]byte, 2000)); err == nil {
		t.Error("accepted an unknown size")
	}
}

func FuzzParseKinfo(f *testing.F) {
	for _, l := range layouts() {
		f.Add(l.encode(kinfo{pid: 1, name: "init"}))
	}
	f.Add([]byte{0x40, 4, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, n, err := parseKinfo(b); err == nil && (n <= 0 || n > len(b)) {
			t.Errorf("read %d of %d bytes", n, len(b))
		}
	})
}

func TestSecUsec(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                  "0.000000",
		time.Microsecond:                   "0.000001",
		12*time.Second + 34567890:          "12.034567",
		1700000000 * time.Second:           "1700000000.000000",
		1700000000*time.Second + 999999000: "1700000000.999999",
	} {
		if got := secUsec(d); got != want {
			t.Errorf("secUsec(%d) = %q, want %q", d, got, want)
		}
	}
}
