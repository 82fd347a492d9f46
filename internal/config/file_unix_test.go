//go:build unix

package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func TestEnvironmentFileModes(t *testing.T) {
	dir := testenv.TempDir(t)
	path := write(t, dir, ".apex/daemon.env", "A=1\n")
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o602: false, 0o644: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(Input{Project: dir})
		if good {
			if err != nil {
				t.Errorf("%o: %v", mode, err)
			}
			continue
		}
		wantError(t, err, service.CodeConfigInvalid, "group or others", "chmod 600 "+path)
	}
}

func TestEnvironmentFileThatIsALink(t *testing.T) {
	dir := testenv.TempDir(t)
	target := write(t, dir, "secrets", "A=1\n")
	write(t, dir, ".apex/x", "")
	testenv.Symlink(t, target, filepath.Join(dir, ".apex", "daemon.env"))
	_, err := Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "symbolic link", "regular file")
}

// A FIFO or a device must be refused without being opened: that could wait for ever, or do something.
func TestSpecialFilesAreRefused(t *testing.T) {
	dir := testenv.TempDir(t)
	write(t, dir, ".apex/x", "")
	path := filepath.Join(dir, ".apex", "config.yaml")
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"FIFO by a link": fifo, "device by a link": "/dev/zero", "directory by a link": dir} {
		testenv.Symlink(t, target, path)
		_, err := Load(Input{Project: dir})
		wantError(t, err, service.CodeConfigInvalid, "it is", "YAML file")
		if _, _, warning := Locate(Input{Project: dir}); warning == nil {
			t.Errorf("%s: Locate does not warn", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(fifo, path); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "not a regular file", "YAML file")
	if err := os.Rename(path, filepath.Join(dir, ".apex", "daemon.env")); err != nil {
		t.Fatal(err)
	}
	_, err = Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "not a regular file", "regular file")
}

func TestDistrust(t *testing.T) {
	dir := projectWith(t, "daemon: {}")
	path := filepath.Join(dir, ".apex", "config.yaml")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if c := mustLoad(t, Input{Project: dir}); len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "changed by everybody") {
		t.Errorf("Warnings = %q", c.Warnings)
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest needs root, to make a file of another user")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if c := mustLoad(t, Input{Project: dir}); len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "another user (uid 65534)") {
		t.Errorf("Warnings = %q", c.Warnings)
	}
}
