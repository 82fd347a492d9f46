package journal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParser(t *testing.T) {
	binary := func(s string) string {
		return string(append([]byte{byte(len(s)), byte(len(s) >> 8)}, "\x00\x00\x00\x00\x00\x00"+s+"\n"...))
	}
	for _, row := range []struct {
		name, in string
		want     string // cursor|text|more, one each
		err      error
	}{
		{"an entry", "__CURSOR=s=1;i=2\nMESSAGE=a=b\n\n", "s=1;i=2|a=b|false ", io.EOF},
		{"two", "MESSAGE=a\n\nMESSAGE=b\nAPEX_PART=more\n\n", "|a|false |b|true ", io.EOF},
		{"the exact line", "MESSAGE=a\nAPEX_LINE=<4>a\n\n", "|<4>a|false ", io.EOF},
		{"an empty exact line", "MESSAGE=a\nAPEX_LINE=\n\n", "||false ", io.EOF},
		{"a value with newlines", "MESSAGE\n" + binary("x\n\ny=z\n") + "\n", "|x\n\ny=z\n|false ", io.EOF},
		{"no message", "_PID=1\n\n", "||false ", io.EOF},
		{"remarks of journalctl", "-- Boot 0123 --\nMESSAGE=a\n\n-- No entries --\n", "|a|false ", io.EOF},
		{"empty lines", "\n\nMESSAGE=a\n\n\n", "|a|false ", io.EOF},
		{"cut off in a value", "MESSAGE=a\n\nMESSAGE=b", "|a|false ", io.EOF},
		{"cut off in a length", "MESSAGE=a\n\nMESSAGE\n\x01\x00", "|a|false ", io.EOF},
		{"no newline after a value", "MESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00ab", "", errFormat},
		{"an absurd length", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff" + strings.Repeat("x", maxValue), "", errFormat},
		{"too long a value is cut", "MESSAGE=" + strings.Repeat("x", 2*maxValue) + "\nAPEX_LINE=y\n\n", "|y|false ", io.EOF},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newParser(strings.NewReader(row.in))
			var e read
			var got string
			err := p.next(&e)
			for ; err == nil; err = p.next(&e) {
				got += string(e.cursor) + "|" + string(e.text()) + "|" + map[bool]string{true: "true ", false: "false "}[e.more]
			}
			if got != row.want || !errors.Is(err, row.err) {
				t.Errorf("%.100q, %v", got, err)
			}
		})
	}
}

func FuzzParser(f *testing.F) {
	f.Add([]byte("__CURSOR=1\nMESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00a\n\nMESSAGE=b\n\n"))
	f.Add([]byte("-- Boot 1 --\n\nA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := newParser(bytes.NewReader(b))
		var e read
		n := 0
		err := p.next(&e)
		for ; err == nil; err = p.next(&e) {
			n++
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, errFormat) || n > len(b) {
			t.Errorf("%d entries, %v", n, err)
		}
	})
}
