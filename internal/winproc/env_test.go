package winproc

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestEnvBlock(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want []string // nil is refused
	}{
		{"empty", nil, []string{}},
		{"sorted without case", []string{"b=2", "A=1", "c=3"}, []string{"A=1", "b=2", "c=3"}},
		{"the last one wins", []string{"Path=old", "X=1", "PATH=new"}, []string{"PATH=new", "X=1"}},
		{"empty value", []string{"A="}, []string{"A="}},
		{"value with =", []string{"A=b=c"}, []string{"A=b=c"}},
		{"directories of drives", []string{`=D:=D:\x`, `=C:=C:\`, "A=1"}, []string{`=C:=C:\`, `=D:=D:\x`, "A=1"}},
		{"no name", []string{"novalue", "", "=x", "A=1"}, []string{"A=1"}},
		{"non-ASCII", []string{"Ä=日本😀"}, []string{"Ä=日本😀"}},
		{"NUL", []string{"A=1\x00B=2"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			block, err := EnvBlock(tt.env)
			if (err != nil) != (tt.want == nil) {
				t.Fatalf("EnvBlock: %v", err)
			}
			if got := parse(t, block); err == nil && !slices.Equal(got, tt.want) {
				t.Errorf("EnvBlock = %q, want %q", got, tt.want)
			}
		})
	}
}

// parse reads a block back, and is strict about its end.
func parse(t *testing.T, block []uint16) []string {
	t.Helper()
	if len(block) == 0 {
		return nil
	}
	s := string(utf16.Decode(block))
	if !strings.HasSuffix(s, "\x00") || len(s) < 2 {
		t.Fatalf("block %q is not ended", s)
	}
	s = strings.TrimSuffix(s, "\x00")
	if s == "\x00" {
		return []string{}
	}
	if !strings.HasSuffix(s, "\x00") {
		t.Fatalf("block %q is not ended twice", s)
	}
	return strings.Split(strings.TrimSuffix(s, "\x00"), "\x00")
}

// FuzzEnvBlock: each string arrives at most once and whole, the names are sorted, and the block ends where it ends.
func FuzzEnvBlock(f *testing.F) {
	f.Add("A=1\nb=2\nB=3")
	f.Add("=C:=C:\\\n=\n\n==")
	f.Fuzz(func(t *testing.T, lines string) {
		env := strings.Split(strings.ToValidUTF8(lines, "?"), "\n")
		block, err := EnvBlock(env)
		if err != nil {
			if !strings.Contains(lines, "\x00") {
				t.Fatal(err)
			}
			return
		}
		last := ""
		for _, kv := range parse(t, block) {
			k, v := cutEnv(kv)
			if got, ok := LookupEnv(env, k); !ok || got != v && !slices.Contains(env, kv) {
				t.Fatalf("%q is not in %q", kv, env)
			}
			if k = strings.ToUpper(k); k <= last {
				t.Fatalf("%q after %q", k, last)
			}
			last = k
		}
	})
}

func TestLookupEnv(t *testing.T) {
	env := []string{"Path=a", "X=1", "PATH=b", `=C:=C:\x`}
	tests := []struct {
		key, want string
		ok        bool
	}{
		{"path", "b", true},
		{"X", "1", true},
		{"=c:", `C:\x`, true},
		{"Y", "", false},
	}
	for _, tt := range tests {
		if got, ok := LookupEnv(env, tt.key); got != tt.want || ok != tt.ok {
			t.Errorf("LookupEnv(%q) = %q, %v", tt.key, got, ok)
		}
	}
}
