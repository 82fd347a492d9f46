//go:build unix

package proc

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// What Spawn says, and what the child gets, is as with os.StartProcess.
func TestSpawn(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir := t.TempDir()
	pid, err := Spawn("/bin/sh", []string{"a name", "-c", `echo "$0 $V $(pwd -P) $$"; exit 7`, "zero"}, &os.ProcAttr{
		Dir: dir, Env: []string{"V=v"}, Files: []*os.File{os.Stdin, w, w}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	ws, err := Reap(pid)
	if err != nil || ws.ExitStatus() != 7 {
		t.Errorf("%v, %v", ws, err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := "zero v " + real + " " + strconv.Itoa(pid) + "\n"; string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
	if _, err := Reap(pid); err == nil {
		t.Error("it is reaped twice")
	}
}

func TestSpawnFails(t *testing.T) {
	attr := &os.ProcAttr{Files: []*os.File{os.Stdin}, Env: []string{}, Sys: &syscall.SysProcAttr{}}
	for _, path := range []string{"/nonexistent", t.TempDir(), "/dev/null"} {
		_, err := Spawn(path, []string{"x"}, attr)
		p, plain := os.StartProcess(path, []string{"x"}, attr)
		if plain == nil {
			t.Fatalf("%s was executed: %v", path, p)
		}
		if err == nil || err.Error() != plain.Error() {
			t.Errorf("%s: %v, want %v", path, err, plain)
		}
	}
}
