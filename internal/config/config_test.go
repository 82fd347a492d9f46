package config

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

const everything = `# another tool's
agents: [{name: a}]
daemon:
  command: [node, server.js, --port, 8080]
  workingDirectory: server
  environment: {PORT: 8080, DEBUG: true, RATIO: 1.50, BIG: 0x10, DAY: 2024-01-02, TEXT: "a b"}
  environmentFile: secrets/env
  pollInterval: 5000
  logLevel: warn
  pidFile: run/d.pid
  logFile: run/d.log
  stopTimeout: 1m30s
  stopSignal: INT
  reloadSignal: SIGUSR1
  readiness: {type: http, url: "http://127.0.0.1:8080/health", timeout: 5s, interval: 100ms}
  watchdog: 30s
  restart: {policy: always, delay: 1s, factor: 1.5, maxDelay: 10s, jitter: 0.2, limit: 3, window: 2m, resetAfter: 5m}
  log: {store: journal, format: json, maxSize: 1MB, maxAge: 7d, maxFiles: 2, compress: false}
  api: {address: "127.0.0.1:4000"}
`

func TestLoadEverything(t *testing.T) {
	dir := projectWith(t, everything)
	write(t, dir, "secrets/env", "TOKEN=s3cret\nPORT=1\n")
	in := func(p string) string { return filepath.Join(dir, filepath.FromSlash(p)) }
	c := mustLoad(t, Input{Project: dir})
	want := service.Spec{
		Project: dir, Name: "daemon", PIDFile: in("run/d.pid"),
		Command: []string{"node", "server.js", "--port", "8080"}, Dir: in("server"),
		Env: []string{
			"TOKEN=s3cret", "PORT=1", "BIG=0x10", "DAY=2024-01-02", "DEBUG=true", "PORT=8080", "RATIO=1.50", "TEXT=a b",
			"APEX_POLL_INTERVAL=5000", "APEX_LOG_LEVEL=warn",
		},
		StopSignal: "SIGINT", ReloadSig: "SIGUSR1", StopTimeout: 90 * time.Second,
		Readiness: service.Readiness{Kind: service.ReadyHTTP, URL: "http://127.0.0.1:8080/health", Timeout: 5 * time.Second, Interval: 100 * time.Millisecond, Settle: service.DefaultSettle},
		Watchdog:  30 * time.Second,
		Restart: service.RestartPolicy{
			When: service.RestartAlways, Delay: time.Second, Factor: 1.5, Max: 10 * time.Second, Jitter: 0.2, Limit: 3,
			Window: 2 * time.Minute, Healthy: 5 * time.Minute,
		},
		Log: service.LogPolicy{Store: service.LogJournal, Path: in("run/d.log"), Level: "warn", Format: "json", MaxSize: 1e6, MaxAge: 7 * 24 * time.Hour, MaxFiles: 2},
		API: service.APIPolicy{Address: "127.0.0.1:4000"},
	}
	want.ConfigHash = c.Spec.ConfigHash // TestConfigHash
	if !reflect.DeepEqual(c.Spec, want) {
		t.Errorf("Spec = %+v\nwant   %+v", c.Spec, want)
	}
	if files := []string{in(".apex/config.yaml"), in("secrets/env")}; !reflect.DeepEqual(c.Files, files) || c.Warnings != nil {
		t.Errorf("Files = %q, Warnings = %q", c.Files, c.Warnings)
	}
	for _, v := range c.Values {
		if v.Source == "default" && v.Key != "readiness.address" && v.Key != "readiness.pattern" && v.Key != "readiness.settle" {
			t.Errorf("%s = %v is said to be a default", v.Key, v.Value)
		}
	}
}

func TestLoadDefaults(t *testing.T) {
	dir := testenv.TempDir(t)
	for name, text := range map[string]string{"empty": "", "comment": "# nothing\n", "null": "~\n", "others": "x: 1\n", "empty section": "daemon:\n", "empty mappings": "daemon:\n  log:\n  restart:\n  environment:\n"} {
		write(t, dir, ".apex/config.yaml", text)
		c := mustLoad(t, Input{Project: dir})
		var d draft
		d.defaults()
		want := d.spec
		want.Project, want.Name, want.Dir = dir, "daemon", dir
		want.PIDFile, want.Log.Path = filepath.Join(dir, ".apex", "daemon.pid"), filepath.Join(dir, ".apex", "daemon.log")
		want.ConfigHash = c.Spec.ConfigHash // TestConfigHash
		if !reflect.DeepEqual(c.Spec, want) {
			t.Errorf("%s: Spec = %+v\nwant %+v", name, c.Spec, want)
		}
		for _, v := range c.Values {
			if v.Source != "default" {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
	c := mustLoad(t, Input{Project: testenv.TempDir(t), Name: "web"})
	if c.Spec.Restart.When != service.RestartOnFailure || c.Spec.ReloadSig != "" || filepath.Base(c.Spec.PIDFile) != "web.pid" || len(c.Files)+len(c.Warnings) > 0 {
		t.Errorf("without a file: %+v", c)
	}
}

// Values has every key of the table, in its order.
func TestValuesOrder(t *testing.T) {
	c := mustLoad(t, Input{Project: testenv.TempDir(t)})
	var want, got []string
	for i := range keys {
		if !keys[i].named() {
			want = append(want, keys[i].path)
		}
	}
	for _, v := range c.Values {
		got = append(got, v.Key)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestLayers(t *testing.T) {
	user := "daemon: {stopTimeout: 1s, watchdog: 1s, log: {maxFiles: 1}, restart: {limit: 1, delay: 1s}}\ndaemons: {web: {watchdog: 2s}}\n"
	text := "daemon:\n  stopTimeout: 3s\n  logFile: p.log\ndaemons:\n  web: {stopTimeout: 4s}\n"
	vars := env("APEX_STOP_TIMEOUT", "5s", "APEX_LOG_FILE", "e.log", "APEX_LOG_LEVEL", "", "APEX_POLL_INTERVAL", "7")
	cases := []struct {
		name, daemon, user, text, key, want, source string
		env                                         func(string) (string, bool)
		flags                                       map[string]string
	}{
		{name: "default", key: "stopTimeout", want: "10s", source: "default"},
		{name: "user's file, every daemon", user: user, key: "watchdog", want: "1s", source: "/user.yaml:1"},
		{name: "user's file, by name", daemon: "web", user: user, key: "watchdog", want: "2s", source: "/user.yaml:2"},
		{name: "user's file, every daemon, other name", daemon: "web", user: user, key: "stopTimeout", want: "1s", source: "/user.yaml:1"},
		{name: "project's file", user: user, text: text, key: "stopTimeout", want: "3s", source: "/.apex/config.yaml:2"},
		{name: "project's file, by name", daemon: "web", user: user, text: text, key: "stopTimeout", want: "4s", source: "/.apex/config.yaml:5"},
		{name: "daemon is not the default of daemons", daemon: "web", text: "daemon: {watchdog: 9s}\ndaemons: {web: }\n", key: "watchdog", want: "0s", source: "default"},
		{name: "daemons can hold daemon", text: "daemons: {daemon: {watchdog: 9s}}\n", key: "watchdog", want: "9s", source: "/.apex/config.yaml:1"},
		{name: "environment", user: user, text: text, env: vars, key: "stopTimeout", want: "5s", source: "APEX_STOP_TIMEOUT"},
		{name: "an empty variable is none", text: "daemon: {logLevel: error}", env: vars, key: "logLevel", want: "error", source: "/.apex/config.yaml:1"},
		{name: "poll interval from the environment", env: vars, key: "pollInterval", want: "7", source: "APEX_POLL_INTERVAL"},
		{name: "flag", user: user, text: text, env: vars, flags: map[string]string{"stopTimeout": "6s"}, key: "stopTimeout", want: "6s", source: "--stop-timeout"},
		{name: "flag of a nested key", flags: map[string]string{"restart.maxDelay": "7s"}, key: "restart.maxDelay", want: "7s", source: "--restart-max-delay"},
		{name: "flag in short form", text: "daemon: {restart: {policy: never}}", flags: map[string]string{"restart": "always"}, key: "restart.policy", want: "always", source: "--restart"},
		{name: "short form keeps the rest", user: user, text: "daemon: {restart: always}", key: "restart.delay", want: "1s", source: "/user.yaml:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := projectWith(t, c.text)
			conf := mustLoad(t, Input{Project: dir, Name: c.daemon, Flags: c.flags, Env: c.env, UserConfig: write(t, dir, "user.yaml", c.user)})
			if got, source := value(t, conf, c.key, dir); got != c.want || source != c.source {
				t.Errorf("%s = %v from %q; want %q from %q", c.key, got, source, c.want, c.source)
			}
		})
	}
}

// The type of readiness follows from the other keys.
func TestReadinessWithoutType(t *testing.T) {
	user := write(t, testenv.TempDir(t), "user.yaml", "daemon: {readiness: {type: tcp, address: 8080, interval: 9s}}")
	tests := []struct {
		name, text string
		want       service.ReadinessKind
		from       string
	}{
		{"settle", "{settle: 1s}", service.ReadyStarted, "config.yaml:1"},
		{"url", "{timeout: 7s, url: http://x/}", service.ReadyHTTP, "config.yaml:1"},
		{"address", "{interval: 1s, address: 8080}", service.ReadyTCP, "config.yaml:1"},
		{"pattern", "{pattern: up}", service.ReadyLog, "config.yaml:1"},
		{"timeout alone leaves the lower layer", "{timeout: 7s}", service.ReadyTCP, "user.yaml:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Load(Input{Project: projectWith(t, "daemon: {readiness: "+tt.text+"}"), UserConfig: user})
			if err != nil {
				t.Fatal(err)
			}
			var v Value
			for _, x := range c.Values {
				if x.Key == "readiness.type" {
					v = x
				}
			}
			if c.Spec.Readiness.Kind != tt.want || v.Value != string(tt.want) || !strings.HasSuffix(v.Source, tt.from) {
				t.Errorf("%s, %v from %s, want %s from %s", c.Spec.Readiness.Kind, v.Value, v.Source, tt.want, tt.from)
			}
			if lower := c.Spec.Readiness.Interval == 9*time.Second; lower != (tt.from == "user.yaml:1") {
				t.Errorf("interval %s", c.Spec.Readiness.Interval)
			}
		})
	}
}

// A type of readiness replaces what a lower layer said about another, but for the timeout.
func TestReadinessLayers(t *testing.T) {
	dir := projectWith(t, "daemon: {readiness: {type: tcp, address: 8080}}")
	user := write(t, dir, "user.yaml", "daemon: {readiness: {type: http, url: http://x/, timeout: 7s, interval: 9s}}")
	c := mustLoad(t, Input{Project: dir, UserConfig: user})
	want := service.Readiness{Kind: service.ReadyTCP, Address: "127.0.0.1:8080", Timeout: 7 * time.Second, Interval: service.DefaultReadyInterval, Settle: service.DefaultSettle}
	if c.Spec.Readiness != want {
		t.Errorf("%+v", c.Spec.Readiness)
	}
	_, err := Load(Input{Project: projectWith(t, "daemon: {readiness: {type: http}}"), UserConfig: user})
	wantError(t, err, service.CodeConfigInvalid, "config.yaml:1:28: daemon.readiness.type: type http needs url", "url: http://")
	_, err = Load(Input{Project: testenv.TempDir(t), Flags: map[string]string{"readiness": "tcp"}})
	wantError(t, err, service.CodeConfigInvalid, "--readiness: type tcp needs address", "address")
}

func TestEnvironmentLayers(t *testing.T) {
	dir := projectWith(t, "daemon: {environment: {B: project, C: 3}}")
	user := write(t, dir, "user.yaml", "daemon: {environment: {A: user, B: user}}")
	c := mustLoad(t, Input{Project: dir, UserConfig: user})
	if want := []string{"A=user", "B=project", "C=3"}; !reflect.DeepEqual(c.Spec.Env, want) {
		t.Errorf("Env = %q, want %q", c.Spec.Env, want)
	}
	if v, source := value(t, c, "environment.B", dir); v != hidden || source != "/.apex/config.yaml:1" {
		t.Errorf("B = %v from %q", v, source)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	dir := projectWith(t, `daemon: {environment: {A: s3cret}, readiness: {type: http, url: "http://u:s3cret@127.0.0.1/"}}`)
	write(t, dir, ".apex/daemon.env", "B=s3cret\nA=old-s3cret\n")
	c := mustLoad(t, Input{Project: dir})
	for _, v := range c.Values {
		if s, ok := v.Value.(string); ok && strings.Contains(s, "s3cret") {
			t.Errorf("%+v", v)
		}
	}
	if _, source := value(t, c, "environment.B", dir); source != "/.apex/daemon.env:1" {
		t.Errorf("B is from %q", source)
	}
	if _, source := value(t, c, "environment.A", dir); source != "/.apex/config.yaml:1" {
		t.Errorf("A is from %q", source)
	}
}

func TestCommandLine(t *testing.T) {
	dir := projectWith(t, "daemon: {command: x}")
	c := mustLoad(t, Input{Project: dir, Command: []string{"sh", "-c", "a $b"}})
	if !reflect.DeepEqual(c.Spec.Command, []string{"sh", "-c", "a $b"}) || !c.Spec.FromArgs {
		t.Errorf("%+v", c.Spec)
	}
	if _, source := value(t, c, "command", dir); source != "command line" {
		t.Errorf("from %q", source)
	}
	for name, argv := range map[string][]string{"empty program": {"", "a"}, "NUL": {"a", "b\x00"}} {
		if _, err := Load(Input{Project: dir, Command: argv}); service.CodeOf(err) != service.CodeConfigInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := mustLoad(t, Input{Project: dir}); c.Spec.FromArgs {
		t.Error("a configured command is said to be from the command line")
	}
}

func TestInputErrors(t *testing.T) {
	dir := testenv.TempDir(t)
	cases := []struct {
		name       string
		in         Input
		text, hint string
	}{
		{"bad name", Input{Name: "a/b"}, "a/b", "--name web"},
		{"variable", Input{Env: env("APEX_STOP_TIMEOUT", "10")}, `APEX_STOP_TIMEOUT: "10" has no unit`, "write 10s"},
		{"flag", Input{Flags: map[string]string{"logLevel": "debg"}}, `--log-level: "debg"`, "did you mean debug"},
		{"unknown flag", Input{Flags: map[string]string{"logLvel": "x"}}, "--log-lvel: there is no such key", "logLevel"},
		{"variables are no flag", Input{Flags: map[string]string{"environment": "x"}}, "--environment", ""},
		{"same file twice", Input{Flags: map[string]string{"pidFile": "x", "logFile": "x"}}, "--log-file: the record or its lock", "another path"},
		{"log is the lock", Input{Flags: map[string]string{"pidFile": "x", "logFile": "x.lock"}}, "--log-file", "another path"},
		{"record over the configuration", Input{Flags: map[string]string{"pidFile": ".apex/config.yaml"}}, "--pid-file: it is the configuration", "another path"},
	}
	for _, c := range cases {
		c.in.Project = dir
		_, err := Load(c.in)
		t.Run(c.name, func(t *testing.T) { wantError(t, err, service.CodeConfigInvalid, c.text, c.hint) })
	}
}

func TestMaxDelayFollowsDelay(t *testing.T) {
	c := mustLoad(t, Input{Project: projectWith(t, "daemon: {restart: {delay: 2m}}")})
	if c.Spec.Restart.Max != 2*time.Minute {
		t.Errorf("Max = %v", c.Spec.Restart.Max)
	}
	c = mustLoad(t, Input{Project: projectWith(t, "daemon: {restart: {delay: 2m, maxDelay: 0}}")})
	if c.Spec.Restart.Max != 0 {
		t.Errorf("Max = %v, want no limit", c.Spec.Restart.Max)
	}
	_, err := Load(Input{Project: projectWith(t, "daemon: {restart: {delay: 2m, maxDelay: 1m}}")})
	wantError(t, err, service.CodeConfigInvalid, "config.yaml:1:41: daemon.restart.maxDelay: it is shorter than restart.delay, 2m", "2m or more")
}

func TestInsideAWorkload(t *testing.T) {
	dir, other := testenv.TempDir(t), testenv.TempDir(t)
	inside := func(project, name string) func(string) (string, bool) {
		return env("APEX_DAEMON_MODE", "1", "APEX_PROJECT_PATH", project, "APEX_DAEMON_NAME", name, "APEX_PID_FILE", filepath.Join(dir, "outer.pid"),
			"APEX_LOG_FILE", filepath.Join(dir, "outer.log"), "APEX_LOG_LEVEL", "debug", "APEX_POLL_INTERVAL", "1", "APEX_STOP_TIMEOUT", "3s")
	}
	outside := env("APEX_PROJECT_PATH", other, "APEX_PID_FILE", filepath.Join(dir, "outer.pid"))
	cases := []struct {
		name, project, daemon string
		env                   func(string) (string, bool)
		want                  string
	}{
		{"the containing daemon itself", dir, "daemon", inside(dir, "daemon"), "outer.pid"},
		{"its path with a slash", dir, "daemon", inside(dir+string(filepath.Separator), "daemon"), "outer.pid"},
		{"a daemon that does not tell its name", dir, "daemon", inside(dir, ""), "outer.pid"},
		{"another name", dir, "web", inside(dir, "daemon"), "web.pid"},
		{"another project", dir, "daemon", inside(other, "daemon"), "daemon.pid"},
		{"not inside: the user's own variable", dir, "daemon", outside, "outer.pid"},
	}
	for _, c := range cases {
		in := Input{Project: c.project, Name: c.daemon, Env: c.env}
		conf := mustLoad(t, in)
		pid, log, err := Locate(in)
		if filepath.Base(conf.Spec.PIDFile) != c.want || pid != conf.Spec.PIDFile || log != conf.Spec.Log.Path || err != nil {
			t.Errorf("%s: Load %q, Locate %q (%v); want %q", c.name, conf.Spec.PIDFile, pid, err, c.want)
		}
		if foreign := c.want != "outer.pid"; foreign && (len(conf.Spec.Env) > 0 || conf.Spec.StopTimeout != 3*time.Second) {
			t.Errorf("%s: %+v", c.name, conf.Spec)
		}
	}
}

func TestDaemonName(t *testing.T) {
	inside := env("APEX_DAEMON_MODE", "1", "APEX_PROJECT_PATH", "/p", "APEX_DAEMON_NAME", "web")
	cases := []struct {
		name, flag, project string
		env                 func(string) (string, bool)
		want                string
	}{
		{"nothing", "", "/p", env(), "daemon"},
		{"flag", "a", "/p", env("APEX_DAEMON_NAME", "b"), "a"},
		{"variable", "", "/p", env("APEX_DAEMON_NAME", "b"), "b"},
		{"inside, same project", "", "/p", inside, "web"},
		{"inside, other project", "", "/q", inside, "daemon"},
	}
	for _, c := range cases {
		if got := DaemonName(c.flag, c.project, c.env); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	cases := []struct{ name, text, daemon, want string }{
		{"section misspelt", "deamon: {command: x}\n", "", `did you mean "daemon"`},
		{"section in capitals", "Daemon: {command: x}\n", "", `did you mean "daemon"`},
		{"name misspelt", "daemons: {web: {}, api: {}}\n", "wbe", "did you mean --name web?"},
		{"name unknown", "daemons: {web: {}}\n", "zzzzz", "has no section daemons.zzzzz; it has web"},
		{"name unknown, of many", "daemons: {x1: {}, x2: {}, x3: {}, x4: {}, x5: {}, x6: {}, x7: {}, x8: {}, x9: {}}\n", "zzzzz", "; it has x1, x2, x3, x4, x5, x6, x7, x8"},
		{"other sections", "agents: {}\ndemo: {}\ndaemon: {}\ndaemons: {web: {}}\n", "", ""},
		{"no section of its own", "daemons: {web: {}, api: {}}\n", "", "configures web, api, and no daemon without a name: that is the built-in API server. Choose one with --name web"},
	}
	for _, c := range cases {
		conf := mustLoad(t, Input{Project: projectWith(t, c.text), Name: c.daemon})
		if got := strings.Join(conf.Warnings, "\n"); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConfigured(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"nothing", "", "daemon"},
		{"sections of others", "agents: {}\n", "daemon"},
		{"the one", "daemon: {command: x}\n", "daemon"},
		{"the one, empty", "daemon:\n", "daemon"},
		{"one with a name", "daemons: {web: {}}\n", "web"},
		{"both, in the order of the file", "daemons: {web: {}, api: {}, cron: {}}\ndaemon: {}\n", "daemon web api cron"},
		{"the one among the others", "daemons: {web: {}, daemon: {}}\n", "daemon web"},
		{"the one twice", "daemons: {web: {}, daemon: {}}\ndaemon: {}\n", "daemon web"},
		{"no others", "daemons:\n", "daemon"},
		{"none that can be named", "daemons: {../x: {}}\n", "daemon"},
		{"wrong inside of a section", "daemons: {web: {nonsense: 1}}\n", "web"},
		{"not a mapping", "daemons: [web]\n", "daemon"},
	}
	for _, c := range cases {
		got, err := Configured(Input{Project: projectWith(t, c.text), Name: "web"})
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %s", c.name, got, err, c.want)
		}
	}
	if got, err := Configured(Input{Project: t.TempDir()}); err != nil || len(got) != 1 || got[0] != service.DefaultName {
		t.Errorf("no file: %q, %v", got, err)
	}
	var e *service.Error
	if got, err := Configured(Input{Project: projectWith(t, "daemon: {\n")}); !errors.As(err, &e) || e.Code != service.CodeConfigInvalid {
		t.Errorf("half a file: %q, %v", got, err)
	}
}

func TestFallback(t *testing.T) {
	dir := projectWith(t, "daemon: {stopTimeout: 3s, stopSignal: NONSENSE, pidFile: my.pid, nonsense: 1}")
	s := Fallback(Input{Project: dir})
	if s.StopTimeout != 3*time.Second || s.StopSignal != "SIGTERM" || s.PIDFile != filepath.Join(dir, "my.pid") || s.Project != dir {
		t.Errorf("%+v", s)
	}
	write(t, dir, ".apex/config.yaml", "{[")
	if s := Fallback(Input{Project: dir, Flags: map[string]string{"pidFile": "f.pid"}}); s.StopTimeout != service.DefaultStopTimeout || s.PIDFile != filepath.Join(dir, "f.pid") {
		t.Errorf("broken file: %+v", s)
	}
}

func TestProblemsUnwrap(t *testing.T) {
	_, err := Load(Input{Project: projectWith(t, "daemon: {a1: 1, b2: 2}")})
	var ps Problems
	var p Problem
	if !errors.As(err, &ps) || len(ps) != 2 || !errors.As(err, &p) || p.Key != "daemon.a1" || p.Line != 1 || p.Column != 10 || !errors.Is(err, service.ErrConfigInvalid) {
		t.Errorf("%#v", err)
	}
	if text := err.Error(); !strings.Contains(text, "2 problems:\n") || strings.Count(text, "\n") != 2 {
		t.Errorf("%q", text)
	}
	many := "daemon:\n" + strings.Repeat("  x: 1\n", 500)
	if _, err = Load(Input{Project: projectWith(t, many)}); !errors.As(err, &ps) || len(ps) != maxProblems {
		t.Errorf("%d problems", len(ps))
	}
}

func benchmarkProject(b *testing.B) string {
	return projectWith(b, `agents:
  - {name: a, model: x}
  - {name: b, model: y}
daemon:
  command: [node, server.js]
  environment: {PORT: 8080, DEBUG: true}
  stopTimeout: 10s
  readiness: {type: http, url: "http://127.0.0.1:8080/health"}
  restart: {policy: on-failure, limit: 5}
  log: {maxSize: 10MB, maxFiles: 3}
`)
}

func BenchmarkLoad(b *testing.B) {
	in := Input{Project: benchmarkProject(b), UserConfig: filepath.Join(b.TempDir(), "none")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLocate(b *testing.B) {
	in := Input{Project: benchmarkProject(b), UserConfig: filepath.Join(b.TempDir(), "none")}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Locate(in); err != nil {
			b.Fatal(err)
		}
	}
}

// TestConfigHash: what is configured alike has one name, wherever and however that is said; a secret does not change it.
func TestConfigHash(t *testing.T) {
	dir := testenv.TempDir(t)
	of := func(text string, flags map[string]string) string {
		write(t, dir, ".apex/config.yaml", text)
		h := mustLoad(t, Input{Project: dir, Flags: flags}).Spec.ConfigHash
		if len(h) != 12 {
			t.Errorf("%q: %q", text, h)
		}
		return h
	}
	first := of("daemon: {stopTimeout: 20s, environment: {TOKEN: a}}\n", nil)
	for text, same := range map[string]bool{
		"# a comment\ndaemon:\n  environment: {TOKEN: a}\n  stopTimeout: 20s\n": true,
		"daemon: {stopTimeout: 20s, environment: {TOKEN: b}}":                   true,
		"daemon: {stopTimeout: 21s, environment: {TOKEN: a}}":                   false,
		"daemon: {stopTimeout: 20s, environment: {OTHER: a}}":                   false,
	} {
		if got := of(text, nil); (got == first) != same {
			t.Errorf("%q: %s, and the first is %s", text, got, first)
		}
	}
}
