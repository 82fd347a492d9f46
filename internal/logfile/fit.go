package logfile

import "bytes"

// maxReserve bounds the part of a file that is kept for finishing the line it ends with.
const maxReserve = 1 << 20

// reserve is the end of a file of at most limit bytes, in which the next line boundary is taken for rotation. A line no longer than this is
// never divided between two files.
func reserve(limit int64) int64 { return min(limit/8, maxReserve) }

// fit says how many bytes of b go into a file of size bytes, limited to limit (0: no limit), and whether the file is rotated after them.
// mid: the file ends within a line. Boundaries between lines are preferred; a line is divided only where it would not end within limit.
func fit(limit, size int64, mid bool, b []byte) (n int, rotate bool) {
	soft := limit - reserve(limit)
	if limit <= 0 || size+int64(len(b)) <= soft {
		return len(b), false
	}
	if !mid && size > soft {
		return 0, true
	}
	room := b[:min(int64(len(b)), max(limit-size, 0))]
	if i := bytes.LastIndexByte(room, '\n'); i >= 0 {
		return i + 1, i+1 < len(b)
	}
	if !mid && size > 0 {
		return 0, true
	}
	return len(room), len(room) < len(b)
}
