package logfile

import (
	"bytes"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	const limit = 80 // reserve 10, so from 70 on a boundary is taken
	for name, tc := range map[string]struct {
		size   int64
		mid    bool
		in     string
		n      int
		rotate bool
	}{
		"all of it":                               {0, false, "a\n", 2, false},
		"ends a line in the reserve":              {60, false, strings.Repeat("a", 14) + "\n", 15, false},
		"at a boundary in the reserve":            {75, false, "a\n", 0, true},
		"the last boundary that fits":             {60, false, "12345678\n12345678\n12345678\n", 18, true},
		"a line that does not fit moves whole":    {60, false, strings.Repeat("a", 30) + "\n", 0, true},
		"a line goes on and ends":                 {75, true, "1\n2\n3\n", 4, true},
		"a line goes on and may still end":        {75, true, "123", 3, false},
		"a line as long as the file is cut":       {75, true, "123456789", 5, true},
		"a line longer than a whole file":         {0, false, strings.Repeat("a", 100), 80, true},
		"already past the limit, within a line":   {90, true, "1\n2", 0, true},
		"already past the limit, at its boundary": {90, false, "1\n2", 0, true},
		"nothing": {10, false, "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			n, rotate := fit(limit, tc.size, tc.mid, []byte(tc.in))
			if n != tc.n || rotate != tc.rotate {
				t.Errorf("got %d, %t, want %d, %t", n, rotate, tc.n, tc.rotate)
			}
		})
	}
	if n, rotate := fit(0, 1<<40, true, make([]byte, 100)); n != 100 || rotate {
		t.Errorf("without a limit: %d, %t", n, rotate)
	}
}

// FuzzFit writes text in pieces into files of a limited size, as the Writer does.
func FuzzFit(f *testing.F) {
	f.Add([]byte("a\nbb\nccc\n"), uint16(8), uint8(3))
	f.Add([]byte("no newline at all, and longer than a file"), uint16(16), uint8(5))
	f.Add(bytes.Repeat([]byte("0123456\n"), 200), uint16(100), uint8(64))
	f.Fuzz(func(t *testing.T, text []byte, limit uint16, piece uint8) {
		if limit == 0 || piece == 0 {
			return
		}
		files := [][]byte{nil}
		for rest := text; len(rest) > 0; {
			chunk := rest[:min(len(rest), int(piece))]
			rest = rest[len(chunk):]
			for steps := 0; len(chunk) > 0; steps++ {
				cur := &files[len(files)-1]
				n, rotate := fit(int64(limit), int64(len(*cur)), len(*cur) > 0 && (*cur)[len(*cur)-1] != '\n', chunk)
				*cur, chunk = append(*cur, chunk[:n]...), chunk[n:]
				if rotate {
					files = append(files, nil)
				} else if len(chunk) > 0 {
					t.Fatal("neither written nor rotated")
				}
				if steps > len(text)+1000 {
					t.Fatal("does not end")
				}
			}
		}
		checkFiles(t, files, text, int(limit))
	})
}

func checkFiles(t *testing.T, files [][]byte, text []byte, limit int) {
	t.Helper()
	if !bytes.Equal(bytes.Join(files, nil), text) {
		t.Fatal("the files joined are not the text")
	}
	longest := 0
	for line := range bytes.Lines(text) {
		longest = max(longest, len(line))
	}
	for i, b := range files {
		if len(b) > limit {
			t.Errorf("file %d has %d bytes, more than %d", i, len(b), limit)
		}
		if i < len(files)-1 && len(b) > 0 && b[len(b)-1] != '\n' && int64(longest) <= reserve(int64(limit)) {
			t.Errorf("file %d ends within a line, though none is longer than %d bytes", i, longest)
		}
	}
}
