package homes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
)

func TestParse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no passwd(5)")
	}
	text := "root:x:0:0:root:/root:/bin/bash\n# comment\n\nalice:x:1000:1000:Alice,,,:/home/alice/:/bin/sh\r\nbad line\n:x:1:1::/x:\n" +
		"relative:x:2:2::home:/bin/sh\n+::::::\nlast:x:3:3::/srv/last:/bin/sh"
	want := []Home{{"root", "/root"}, {"alice", "/home/alice"}, {"last", "/srv/last"}}
	if got := parse([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a:x:1:1::/home/a:/bin/sh\n"))
	f.Add([]byte("::::::\n#:::::/:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, h := range parse(b) {
			if h.User == "" || !filepath.IsAbs(h.Dir) {
				t.Errorf("%+v from %q", h, b)
			}
		}
	})
}

func TestUnder(t *testing.T) {
	base := t.TempDir()
	for _, name := range []string{"bob", "alice"} {
		if err := os.Mkdir(filepath.Join(base, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(base, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := under(base)
	want := []Home{{"alice", filepath.Join(base, "alice")}, {"bob", filepath.Join(base, "bob")}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if _, err := under(filepath.Join(base, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestUnique(t *testing.T) {
	got := unique([]Home{{"a", "/h/a"}, {"daemon", "/"}, {"a2", "/h/a"}, {"bin", "/"}})
	if want := []Home{{"a", "/h/a"}, {"daemon", "/"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestAll: the caller's own home is among them wherever there is a user database.
func TestAll(t *testing.T) {
	own, err := os.UserHomeDir()
	if err != nil {
		t.Skipf("no home: %v", err)
	}
	all, err := All(runtime.GOOS, own)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Error("none")
	}
}
