package install

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// hostile are values that unquoted shell text would change or execute.
func hostile() []string {
	return []string{
		"", " ", "a b", "two  spaces", "it's", `''`, `"`, "`id`", "$(id)", "$HOME", "${IFS}", `\`, `\\'`, "%s", "*", "[a-z]*", "~", "~root", "a=b", "#", "-n", "--", "!", "{a,b}",
		"line\nline", "\n", "tab\tcr\r", "ü→", "\xff\xfe", "\x01\x7f", "; id", "& |", "<in >out", "{{.Name}}", "'\\''", "a'b'c\"d",
	}
}

// TestShellQuote has a real shell say what it read.
func TestShellQuote(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no POSIX shell here")
	}
	values := hostile()
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
	words, err := shellWords(values)
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
	if _, err := shellQuote("a\x00b"); err == nil {
		t.Error("a NUL byte was quoted")
	}
}

func TestShellComment(t *testing.T) {
	if got := shellComment("/a\nrm -rf /\r\xff"); got != "/a?rm -rf /??" {
		t.Errorf("a comment of %q", got)
	}
}
