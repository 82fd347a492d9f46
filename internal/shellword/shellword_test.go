package shellword

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// TestQuote has a real shell say what it read.
func TestQuote(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no POSIX shell here")
	}
	values := testenv.Hostile()
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		b := make([]byte, 1+random.IntN(12))
		for i := range b {
			const likely = "'\"\\$` \n*?[]{}()#~!&|;<>=-%\t"
			if b[i] = byte(1 + random.IntN(255)); random.IntN(2) == 0 {
				b[i] = likely[random.IntN(len(likely))]
			}
		}
		values = append(values, string(b))
	}
	words, err := Join(values)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(sh)
	cmd.Stdin = strings.NewReader(`printf '%s\0' ` + words)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.Split(bytes.TrimSuffix(out, []byte{0}), []byte{0})
	if len(got) != len(values) {
		t.Fatalf("%d words became %d", len(values), len(got))
	}
	for i, v := range values {
		if string(got[i]) != v {
			t.Errorf("%q became %q", v, got[i])
		}
	}
	if _, err := Quote("a\x00b"); err == nil {
		t.Error("a NUL byte was quoted")
	}
}

func TestComment(t *testing.T) {
	if got := Comment("/a\nrm -rf /\r\xff"); got != "/a?rm -rf /??" {
		t.Errorf("a comment of %q", got)
	}
}

// TestShow: what a person is told to type is short where it can be.
func TestShow(t *testing.T) {
	for s, want := range map[string]string{"/a/b-c": "/a/b-c", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "$(x)": "'$(x)'", "é": "'é'"} {
		if got := Show(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
