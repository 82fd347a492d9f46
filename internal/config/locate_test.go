package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	cases := []struct {
		name, daemon, text string
		flags              map[string]string
		env                func(string) (string, bool)
		pid, log           string
		warns              string
	}{
		{name: "no configuration", pid: ".apex/daemon.pid", log: ".apex/daemon.log"},
		{name: "other name", daemon: "web", pid: ".apex/web.pid", log: ".apex/web.log"},
		{name: "configured", text: "daemon: {pidFile: a.pid, logFile: /b.log}", pid: "a.pid", log: "/b.log"},
		{name: "configured for another", daemon: "web", text: "daemon: {pidFile: a.pid}", pid: ".apex/web.pid", log: ".apex/web.log"},
		{name: "by name", daemon: "web", text: "daemons: {web: {logFile: b.log}}", pid: ".apex/web.pid", log: "b.log"},
		{name: "environment", text: "daemon: {pidFile: a.pid}", env: env("APEX_PID_FILE", "e.pid"), pid: "e.pid", log: ".apex/daemon.log"},
		{name: "flag", text: "daemon: {pidFile: a.pid}", env: env("APEX_PID_FILE", "e.pid"), flags: map[string]string{"pidFile": "f.pid"}, pid: "f.pid", log: ".apex/daemon.log"},
		{name: "other keys are wrong", text: "daemon: {pidFile: a.pid, nonsense: 1, stopTimeout: 5, readiness: http}", pid: "a.pid", log: ".apex/daemon.log"},
		{name: "other flags are wrong", flags: map[string]string{"logLevel": "x"}, pid: ".apex/daemon.pid", log: ".apex/daemon.log"},
		{name: "not YAML, not mentioned", text: "{[", pid: ".apex/daemon.pid", log: ".apex/daemon.log"},
		{name: "not YAML, only in a comment", text: "{[\n # pidFile: x\n# logFile", pid: ".apex/daemon.pid", log: ".apex/daemon.log"},
		{name: "not YAML", text: "{[ # x\npidFile: a.pid", pid: ".apex/daemon.pid", log: ".apex/daemon.log", warns: "not valid YAML"},
		{name: "wrong, with a flag", text: "daemon: {pidFile: [a]}", flags: map[string]string{"pidFile": "f.pid"}, pid: "f.pid", log: ".apex/daemon.log", warns: "it is a list"},
		{name: "one of two is wrong", text: "daemon: {pidFile: ~/x, logFile: b.log}", pid: ".apex/daemon.pid", log: "b.log", warns: "not expanded"},
		{name: "bad name", daemon: "a/b", pid: ".apex/a/b.pid", log: ".apex/a/b.log", warns: "a/b"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := projectWith(t, c.text)
			at := func(p string) string {
				if filepath.IsAbs(p) {
					return p
				}
				if p[0] == '/' { // rooted, but relative to a drive
					return filepath.Join(dir, p)
				}
				return filepath.Join(dir, filepath.FromSlash(p))
			}
			pid, log, warning := Locate(Input{Project: dir, Name: c.daemon, Flags: c.flags, Env: c.env})
			if pid != at(c.pid) || log != at(c.log) {
				t.Errorf("%q, %q; want %q, %q", pid, log, at(c.pid), at(c.log))
			}
			if (warning == nil) != (c.warns == "") || warning != nil && !strings.Contains(warning.Error(), c.warns) {
				t.Errorf("warning %v, want %q", warning, c.warns)
			}
		})
	}
}

func TestMentionsPaths(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "pidFile: x": true, "a: 1\n  logFile: x": true, "# pidFile: x": false, "  # pidFile\nx: 1": false, "# pidFile\npidFile: x": true, "x: 1 # pidFile": true,
		`"pid\u0046ile": x`: true, "pidfile: x": false, "# a pidFile and pidFile": false,
	} {
		if got := mentionsPaths([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What Load makes of a file, Locate must find: else status would look at another daemon than start starts.
func FuzzLoad(f *testing.F) {
	for _, c := range allDocuments() {
		f.Add(c.text, "daemon")
	}
	f.Add("daemons: {web: {pidFile: x}}", "web")
	f.Add("daemon: {<<: &a {pidFile: x, <<: *a}}", "daemon")
	dir, err := os.MkdirTemp("", "apexd-fuzz-")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = os.RemoveAll(dir) })
	user := filepath.Join(dir, "user.yaml")
	f.Fuzz(func(t *testing.T, text, name string) {
		write(t, dir, ".apex/config.yaml", text)
		for _, in := range []Input{{Project: dir, Name: name}, {Project: dir, Name: name, UserConfig: filepath.Join(dir, ".apex", "config.yaml")}, {Project: dir, UserConfig: user}} {
			c, err := Load(in)
			pid, log, warning := Locate(in)
			if err == nil && (pid != c.Spec.PIDFile || log != c.Spec.Log.Path || warning != nil) {
				t.Errorf("%q: Load %q, %q; Locate %q, %q, %v", text, c.Spec.PIDFile, c.Spec.Log.Path, pid, log, warning)
			}
			if names, err := Configured(in); err == nil && len(names) == 0 {
				t.Errorf("%q: no daemon is configured", text)
			}
			if err != nil {
				_ = err.Error()
				_ = Fallback(in)
			}
		}
	})
}
