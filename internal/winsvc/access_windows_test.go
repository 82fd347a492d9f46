package winsvc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestGrantAndRevoke: what is granted reaches what is in the directory, and is gone afterwards. Wine takes both, and has mode bits instead of a list to keep them in.
func TestGrantAndRevoke(t *testing.T) {
	dir, sid := t.TempDir(), ServiceSID("apex-test-1")
	inner := filepath.Join(dir, ".apex")
	file := filepath.Join(inner, "daemon.log")
	if err := errors.Join(os.Mkdir(inner, 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	look := func(path string) string {
		t.Helper()
		sddl, _, err := Security(path)
		if err != nil || sddl == "" {
			t.Fatalf("%q, %v", sddl, err)
		}
		return sddl
	}
	_, kept, _ := Security(dir)
	for range 2 { // again is no second entry
		if err := Grant(dir, sid); err != nil {
			t.Fatal(err)
		}
	}
	if granted := Granted(look(dir), sid); granted != kept {
		t.Errorf("granted %v, and the file system keeps lists: %v\n%s", granted, kept, look(dir))
	}
	for _, p := range []string{inner, file} {
		if sddl := look(p); kept && !MayExecute(sddl, sid) || Named(sddl, sid) {
			t.Errorf("%s inherits %s", p, sddl)
		}
	}
	if err := Revoke(dir, sid); err != nil {
		t.Fatal(err)
	}
	if after := look(dir); Named(after, sid) {
		t.Errorf("left: %s", after)
	}
}

func TestSecurityOfNothing(t *testing.T) {
	if _, _, err := Security(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
