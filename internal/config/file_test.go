package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func TestFileForms(t *testing.T) {
	utf16le := func(s string) string {
		b := []byte{0xff, 0xfe}
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
		return string(b)
	}
	plain := "# c\ndaemon:\n  pidFile: x.pid\n  watchdog: 3s\n"
	cases := []struct{ name, text, bad string }{
		{"plain", plain, ""},
		{"no newline at the end", strings.TrimSuffix(plain, "\n"), ""},
		{"BOM", "\ufeff" + plain, ""},
		{"CRLF", strings.ReplaceAll(plain, "\n", "\r\n"), ""},
		{"BOM and CRLF", "\ufeff" + strings.ReplaceAll(plain, "\n", "\r\n"), ""},
		{"UTF-16", utf16le(plain), ""},
		{"document markers", "---\n" + plain + "...\n", ""},
		{"JSON", `{"daemon": {"pidFile": "x.pid", "watchdog": "3s"}}`, ""},
		{"keys spelt with escapes", `{"daemon": {"pidF\u0069le": "x.pid", "watchdog": "3s"}}`, ""},
		{"two documents", plain + "---\nx: 1\n", "config.yaml:5: a second YAML document"},
		{"garbage in a second document", plain + "---\n[", "not valid YAML"},
		{"tab", "daemon:\n\tpidFile: x\n", "config.yaml:2: it is not valid YAML"},
		{"open bracket", "daemon: {pidFile: [\n", "not valid YAML"},
		{"broken elsewhere", plain + "agents: {a: b\n", "not valid YAML"},
		{"not UTF-8", "daemon: {pidFile: \xff}\n", "not valid YAML"},
		{"control character", "daemon: {pidFile: \x01}\n", "not valid YAML"},
		{"too large", plain + strings.Repeat("#", maxFile), "more than the 1048576 allowed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := Input{Project: projectWith(t, c.text)}
			conf, err := Load(in)
			pid, _, warning := Locate(in)
			if c.bad != "" {
				wantError(t, err, service.CodeConfigInvalid, c.bad, "")
				if warning == nil {
					t.Error("Locate does not warn")
				}
				return
			}
			if err != nil || conf.Spec.Watchdog != 3*time.Second {
				t.Fatalf("%v", err)
			}
			if want := filepath.Join(in.Project, "x.pid"); conf.Spec.PIDFile != want || pid != want || warning != nil {
				t.Errorf("Load %q, Locate %q, %v", conf.Spec.PIDFile, pid, warning)
			}
		})
	}
}

// None of these may take long, or much memory.
func TestHostileFiles(t *testing.T) {
	bomb := "a0: &a0 {k: v}\n"
	for _, i := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		before := string(i[0] - 1)
		bomb += "a" + i + ": &a" + i + " {<<: [" + strings.TrimSuffix(strings.Repeat("*a"+before+",", 20), ",") + "]}\n"
	}
	cases := []struct{ name, text, bad string }{
		{"deep flow", "daemon: " + strings.Repeat("[", 20000), "depth"},
		{"deep block", "daemon: " + strings.Repeat("- ", 20000) + "x", ""},
		{"deep elsewhere", "x: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\ndaemon: {watchdog: 1s}", "-"},
		{"merge bomb", bomb + "daemon: {<<: *a9}\n", "too many entries"},
		{"merge bomb in the environment", bomb + "daemon: {environment: {<<: *a9}}\n", "too many entries"},
		{"alias bomb elsewhere", strings.ReplaceAll(bomb, "<<: ", "x: ") + "daemon: {watchdog: 1s}\n", "-"},
		{"merge of itself", "daemon: &a {<<: *a}\n", "too many entries"},
		{"alias of itself", "daemon: {command: &a [*a]}\n", "a list is in it"},
		{"many entries", "daemon:\n  environment:\n" + strings.Repeat("    A: 1\n", 21000), "too many entries"},
		{"long value", "daemon: {logFile: " + strings.Repeat("x", 70000) + "}", "longer than 65535"},
		{"long key", "daemon:\n  ? " + strings.Repeat("x", 70000) + "\n  : 1\n", "no such key"},
		{"many keys", "daemon:\n" + strings.Repeat("  ? a\n", 15000), ""},
		{"many comments", strings.Repeat("# x\n", 30000) + "daemon: {watchdog: 1s}", "-"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := Input{Project: projectWith(t, c.text)}
			start := time.Now()
			_, err := Load(in)
			if took := time.Since(start); took > time.Minute {
				t.Errorf("it took %v", took)
			}
			if c.bad == "-" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, service.CodeConfigInvalid, c.bad, "")
			if len(err.Error()) > 100000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestConfigThatIsNoFile(t *testing.T) {
	dir := testenv.TempDir(t)
	if err := os.MkdirAll(filepath.Join(dir, ".apex", "config.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "it is a directory", "YAML file")

	dir = testenv.TempDir(t)
	write(t, dir, ".apex", "x")
	_, err = Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "not a directory", "move it away")
	pid, _, warning := Locate(Input{Project: dir})
	if pid != filepath.Join(dir, ".apex", "daemon.pid") || warning == nil {
		t.Errorf("Locate = %q, %v", pid, warning)
	}
}

func TestConfigThatIsALink(t *testing.T) {
	dir := testenv.TempDir(t)
	target := write(t, dir, "dotfiles/apex.yaml", "daemon: {watchdog: 3s}")
	write(t, dir, ".apex/x", "")
	path := filepath.Join(dir, ".apex", "config.yaml")
	testenv.Symlink(t, target, path)
	if c := mustLoad(t, Input{Project: dir}); c.Spec.Watchdog != 3*time.Second {
		t.Errorf("%+v", c.Spec)
	}
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "config.yaml", "YAML file")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link to nothing: %v", err)
	}
	err = Init(dir, "daemon", Starter{})
	if _, e := os.Lstat(target); err == nil || e == nil {
		t.Errorf("Init wrote through a link: %v", err)
	}
}

func TestApexDirThatIsALink(t *testing.T) {
	dir := testenv.TempDir(t)
	write(t, dir, "elsewhere/config.yaml", "daemon: {pidFile: x.pid}")
	testenv.Symlink(t, filepath.Join(dir, "elsewhere"), filepath.Join(dir, ".apex"))
	_, err := Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "symbolic link", "remove the link")
	if pid, _, warning := Locate(Input{Project: dir}); warning == nil || filepath.Base(pid) != "daemon.pid" {
		t.Errorf("Locate = %q, %v", pid, warning)
	}
	if Init(dir, "daemon", Starter{}) == nil {
		t.Error("Init used it")
	}
}

func TestUserFileRules(t *testing.T) {
	dir := testenv.TempDir(t)
	for _, key := range []string{"pidFile", "logFile"} {
		user := write(t, dir, "user.yaml", "daemon: {"+key+": x}\n")
		_, err := Load(Input{Project: dir, UserConfig: user})
		wantError(t, err, service.CodeConfigInvalid, "user.yaml:1:10: daemon."+key+": every daemon would share", "daemons: {NAME")
	}
	user := write(t, dir, "user.yaml", "daemon: {watchdog: 1s}\ndaemons: {daemon: {pidFile: x.pid}}\n")
	in := Input{Project: dir, UserConfig: user}
	c := mustLoad(t, in)
	if pid, _, err := Locate(in); pid != filepath.Join(dir, "x.pid") || c.Spec.PIDFile != pid || c.Spec.Watchdog != time.Second || err != nil {
		t.Errorf("%q %+v %v", pid, c.Spec, err)
	}
	if len(c.Files) != 1 || c.Files[0] != user {
		t.Errorf("Files = %q", c.Files)
	}
}

func TestEnvironmentFile(t *testing.T) {
	dir := projectWith(t, "daemon: {environmentFile: my.env}")
	_, err := Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "my.env", "environmentFile ("+filepath.Join(dir, ".apex", "config.yaml")+":1)")
	path := write(t, dir, "my.env", "A=1\nB\nC=2 # x\n")
	_, err = Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, path+":2: there is no =", "each line")
	if strings.Contains(err.Error(), "C=2") {
		t.Error("the message tells a secret")
	}
	write(t, dir, "my.env", "A=1\n")
	write(t, dir, ".apex/daemon.env", "A=2\n")
	if c := mustLoad(t, Input{Project: dir}); len(c.Spec.Env) != 1 || c.Spec.Env[0] != "A=1" {
		t.Errorf("Env = %q", c.Spec.Env)
	}
	if err := os.Remove(filepath.Join(dir, "my.env")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "my.env"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Load(Input{Project: dir})
	wantError(t, err, service.CodeConfigInvalid, "my.env", "")
}

func TestParserPanic(t *testing.T) {
	var p *Problem
	func() {
		defer parserPanic("f", &p)
		panic("index out of range")
	}()
	if p == nil || !strings.Contains(p.Error(), "f: the YAML parser fails on it: index out of range") {
		t.Errorf("%v", p)
	}
}
