package logfile

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

const inNamespace = "APEXD_LOGFILE_SMALL_DISK"

// TestFullDisk runs itself again in a mount namespace of its own, where it mounts a file system of 256 KiB.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv(inNamespace)
	if dir != "" {
		fullDisk(t, dir)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small file system in a namespace of its own")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"="+tempDir(t))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func fullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("cannot mount here:", err)
	}
	defer syscall.Unmount(dir, syscall.MNT_DETACH)
	ballast := filepath.Join(dir, "ballast")
	put(t, ballast, strings.Repeat("x", 128<<10))
	w, path := testWriter(t, service.LogPolicy{Path: filepath.Join(dir, "daemon.log"), MaxSize: 40_000, MaxFiles: 4})
	in, wait := relay(t, w, nil)
	io.WriteString(in, numbered(0, 20_000, 100)) // 2 MB; must not block
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, numbered(20_000, 20_300, 100))
	wait()
	text := whole(t, path)
	if !strings.Contains(text, "no space left on device") {
		t.Errorf("the loss is not reported:\n%.2000s", text)
	}
	if !strings.HasSuffix(text, numbered(20_200, 20_300, 100)) {
		t.Errorf("the end is missing: %.300q", text[max(0, len(text)-300):])
	}
}
