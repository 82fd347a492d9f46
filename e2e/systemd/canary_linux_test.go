package systemd_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// TestInstallSaysWhatAndWhom: who registers another user's project sees before and after what will run, and as whom. It is never root without being asked.
func TestInstallSaysWhatAndWhom(t *testing.T) {
	needWorld(t, "system")
	dir := newProject(t, "shop", "sh", "-c", "exec sleep 1000 # mine")
	const daemonUser = 1 // "daemon", of every Debian
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, daemonUser, daemonUser))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"install", "--system", "--dry-run"}, {"install", "--system"}} {
		out := inworld.Apexd(t, dir, 0, args...).Out
		if !strings.Contains(out, `sh -c 'exec sleep 1000 # mine'`) || !regexp.MustCompile(`runs as daemon|systemd, daemon`).MatchString(out) {
			t.Errorf("%q does not say what runs, or as whom:\n%s", args, out)
		}
	}
	if user := shown(t, unitOf(t, dir), "User"); user != "daemon" {
		t.Errorf("it runs as %q", user)
	}
}

// TestCanary: a secret is in no command line, unit, property, record, log, history or answer, wherever one looks. It is in the workload's environment, and in the file that
// it comes from.
func TestCanary(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		const canary = "canary-5f2c81d7"
		dir := newProject(t, "shop", "sleep", "1000")
		if err := os.WriteFile(filepath.Join(dir, ".apex/daemon.env"), []byte("TOKEN="+canary+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		answers := inworld.Apexd(t, dir, 0, asRoot("install", "--dry-run")...).Out
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		for _, args := range [][]string{{"status", "--json"}, {"config"}, {"config", "--json"}, {"logs"}, {"history", "--json"}, {"list", "--json"}} {
			answers += inworld.Apexd(t, dir, 0, args...).Out
		}
		answers += systemctl(t, "show", unitOf(t, dir)) + systemctl(t, "cat", unitOf(t, dir)) + systemctl(t, "show-environment")
		if strings.Contains(answers, canary) {
			t.Errorf("somebody says it:\n%s", answers)
		}
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		for _, root := range []string{dir, "/etc/systemd", "/run/systemd", filepath.Join(home, ".config"), filepath.Join(home, ".local")} {
			for _, path := range holding(root, canary) {
				if path != filepath.Join(dir, ".apex/daemon.env") {
					t.Errorf("it is in %s", path)
				}
			}
		}
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil || len(lines) == 0 {
			t.Fatal(lines, err)
		}
		for _, path := range lines {
			if b, _ := os.ReadFile(path); strings.Contains(string(b), canary) { // gone meanwhile
				t.Errorf("it is in %s: %q", path, b)
			}
		}
		s := status(t, dir)
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", s.Workload.PID)); err != nil || !strings.Contains(string(b), canary) {
			t.Errorf("the workload has not got it: %v", err)
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", *s.PID)); err != nil || strings.Contains(string(b), canary) {
			t.Errorf("it is in the daemon's environment: %v", err)
		}
	})
}

// holding lists the regular files below root that hold text.
func holding(root, text string) []string {
	var all []string
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error { // what cannot be read by its owner is nobody's
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), text) {
			all = append(all, path)
		}
		return nil
	})
	return all
}
