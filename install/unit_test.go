package install

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// request is a plain one, whose unit has all defaults.
func request() Request {
	return Request{
		Spec: service.Spec{
			Project: "/srv/shop", Name: service.DefaultName, Dir: "/srv/shop", Command: []string{"node", "server.js"}, Env: []string{"TOKEN=secret"},
			StopTimeout: service.DefaultStopTimeout,
			Readiness:   service.Readiness{Kind: service.ReadyStarted, Timeout: service.DefaultReadyTimeout, Settle: service.DefaultSettle},
			Restart: service.RestartPolicy{
				When: service.RestartOnFailure, Delay: 500 * time.Millisecond, Factor: 2, Max: 30 * time.Second, Jitter: 0.1, Limit: 5,
				Window: time.Minute, Healthy: time.Minute,
			},
		},
		Ref:  pidfile.Ref{Project: "/srv/shop", StateDir: "/home/u/.local/state/apexd"},
		Exec: "/usr/local/bin/apexd", Version: "1.2.3", Path: "/usr/local/bin:/usr/bin:/bin", Hardening: HardeningBaseline,
	}
}

// TestUnit compares whole units with files that a person has read.
func TestUnit(t *testing.T) {
	for _, tt := range []struct {
		name    string
		scope   service.Scope
		version int
		change  func(*Request)
	}{
		{"user", service.ScopeUser, 252, func(*Request) {}},
		{"system", service.ScopeSystem, 255, func(r *Request) { r.User = "shop" }},
		{"strict", service.ScopeSystem, 252, func(r *Request) { r.User, r.Hardening = "shop", HardeningStrict }},
		{"off", service.ScopeUser, 252, func(r *Request) { r.Hardening = HardeningOff }},
		{"hostile", service.ScopeSystem, 252, func(r *Request) {
			r.User = "shop"
			r.Spec.Project = "/srv/a b%h$HOME\"\\'\n{{x\xff"
			r.PIDFile, r.LogFile = "/run/a b.pid", "/var/log/50%.log"
			r.Path, r.Env = `/opt/a b:/opt/"q"`, []string{"XDG_STATE_HOME=/srv/50%"}
		}},
		{"every policy", service.ScopeUser, 254, func(r *Request) {
			r.Spec.Name = "web"
			r.Spec.Watchdog = 30 * time.Second
			r.Spec.Readiness.Timeout = 0
			r.Spec.Restart = service.RestartPolicy{When: service.RestartAlways, Delay: time.Second, Factor: 1.5, Max: time.Minute, Limit: 3, Window: 90 * time.Second}
		}},
		{"sockets", service.ScopeSystem, 252, func(r *Request) {
			r.User = "shop"
			r.Spec.Log.Store = service.LogFile
			r.Spec.Sockets = []service.Socket{
				{Name: "http", Kind: service.SocketStream, Address: "192.0.2.7:8080", Backlog: 9},
				{Name: "control", Kind: service.SocketStream, Address: "unix:/run/shop/50%.sock", Mode: 0o660},
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			tt.change(&r)
			got, err := RenderUnit(r, tt.scope, tt.version)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range got.Sockets {
				got.Text += "\n# " + u.Name + "\n" + u.Text
			}
			path := filepath.Join("testdata", strings.ReplaceAll(tt.name, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got.Text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), got.Text); d != "" {
				t.Errorf("differs (go test ./install -update writes it):\n%s", d)
			}
			if strings.Contains(got.Text, "secret") || strings.Contains(got.Text, "server.js") {
				t.Error("the unit tells the workload's environment or command, which anybody can read there") // K13
			}
			if o, ok := ownerOf(got.Text); !ok || o != (owner{r.Spec.Project, r.Spec.Name}) {
				t.Errorf("it says that it is %+v's, %v", o, ok)
			}
		})
	}
}

func TestUnitRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(*Request)
	}{
		{"a program that systemd would not run", `"/opt/a'b/apexd"`, func(r *Request) { r.Exec = "/opt/a'b/apexd" }},
		{"a PATH that cannot be said", `"PATH"`, func(r *Request) { r.Path = "/a\nUser=nobody" }},
		{"a level that is none", `"high"`, func(r *Request) { r.Hardening = "high" }},
		{"strict and a project that ReadWritePaths cannot say", `"/srv/a\nb"`, func(r *Request) { r.Hardening, r.Spec.Project = HardeningStrict, "/srv/a\nb" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			tt.change(&r)
			if got, err := RenderUnit(r, service.ScopeSystem, 252); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %s in it\n%s", err, tt.want, got.Text)
			}
		})
	}
}

// TestLimits: the manager waits longer than the daemon in every case.
func TestLimits(t *testing.T) {
	spec := request().Spec
	if got := startTimeout(spec); got != "80250ms" {
		t.Errorf("TimeoutStartSec=%s", got)
	}
	spec.Readiness.Timeout = 0
	if got := startTimeout(spec); got != "infinity" {
		t.Errorf("TimeoutStartSec=%s without a limit", got)
	}
}

func TestRestart(t *testing.T) {
	base := request().Spec.Restart
	for _, tt := range []struct {
		name    string
		change  func(*service.RestartPolicy)
		version int
		want    string
		missing []string
	}{
		{"never", func(p *service.RestartPolicy) { p.When = service.RestartNever }, 252, "Restart=no", nil},
		{"before there were steps", func(*service.RestartPolicy) {}, 253, "Restart=on-failure RestartSec=500ms", []string{"factor", "jitter"}},
		{"steps", func(*service.RestartPolicy) {}, 254, "Restart=on-failure RestartSec=500ms RestartSteps=6 RestartMaxDelaySec=30s", []string{"jitter"}},
		{"no growth", func(p *service.RestartPolicy) { p.Factor, p.Jitter = 1, 0 }, 252, "Restart=on-failure RestartSec=500ms", nil},
		{"at once", func(p *service.RestartPolicy) { p.Delay, p.Jitter = 0, 0 }, 254, "Restart=on-failure RestartSec=0s", nil},
		{"healthy", func(p *service.RestartPolicy) { p.Healthy = time.Hour; p.Jitter = 0 }, 254, "Restart=on-failure RestartSec=500ms RestartSteps=6 RestartMaxDelaySec=30s", []string{"resetAfter"}},
		{"microseconds", func(p *service.RestartPolicy) { p.Delay = 1500 * time.Microsecond; p.Max, p.Jitter = 0, 0 }, 254, "Restart=on-failure RestartSec=1500us", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := base
			tt.change(&p)
			settings, missing := restart(p, tt.version)
			var got []string
			for _, s := range settings {
				got = append(got, s.key+"="+s.value)
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("%s, want %s", s, tt.want)
			}
			if len(missing) != len(tt.missing) {
				t.Fatalf("not expressed: %v, want %q", missing, tt.missing)
			}
			for i, m := range tt.missing {
				if !strings.Contains(missing[i].text, m) {
					t.Errorf("not expressed: %v, want %q", missing, tt.missing)
				}
			}
		})
	}
}

func TestStartLimit(t *testing.T) {
	p := request().Spec.Restart
	if got := startLimit(p); got[1] != (setting{"StartLimitBurst", "6"}) { // five restarts are six starts
		t.Errorf("%v", got)
	}
	p.Limit = 0
	if got := startLimit(p); len(got) != 1 || got[0].value != "0" {
		t.Errorf("without a limit: %v", got)
	}
}

func TestHardeningWarnsOfTmp(t *testing.T) {
	r := request()
	r.Hardening, r.PIDFile = HardeningStrict, "/tmp/x/web.pid"
	out, err := RenderUnit(r, service.ScopeSystem, 252)
	if err != nil || strings.Contains(out.Text, "PrivateTmp") || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "/tmp/x") {
		t.Errorf("%v, %q\n%s", err, out.Warnings, out.Text)
	}
	r.PIDFile, r.Spec.Project, r.Hardening = "", "/usr/local/src/x", HardeningBaseline
	if out, err = RenderUnit(r, service.ScopeSystem, 252); err != nil || !strings.Contains(out.Text, "ReadWritePaths=/usr/local/src/x\n") {
		t.Errorf("a project below /usr is read-only: %v\n%s", err, out.Text)
	}
}

// TestWarnings: what systemd does otherwise is said of settings that somebody made, and not of defaults.
func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name       string
		configured []string
		want       []string
	}{
		{"defaults", nil, nil},
		{"another key", []string{"restart.limit"}, nil},
		{"jitter", []string{"restart.jitter"}, []string{"jitter"}},
		{"maxDelay, which is about factor", []string{"restart.maxDelay"}, []string{"factor"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			r.Configured = tt.configured
			out, err := RenderUnit(r, service.ScopeUser, 252)
			if err != nil || len(out.Warnings) != len(tt.want) {
				t.Fatalf("%v, %q", err, out.Warnings)
			}
			for i, w := range tt.want {
				if !strings.Contains(out.Warnings[i], w) {
					t.Errorf("%q, want %q in it", out.Warnings[i], w)
				}
			}
		})
	}
}

// TestRateLimit: journald's bound is for programs that nobody bounds; the daemon waits by itself when journald is slow.
func TestRateLimit(t *testing.T) {
	for _, tt := range []struct {
		scope service.Scope
		store string
		want  bool
	}{
		{service.ScopeSystem, "", true},
		{service.ScopeSystem, service.LogJournal, true},
		{service.ScopeSystem, service.LogFile, false},
		{service.ScopeUser, service.LogJournal, false}, // systemd tells journald of the system's units only
	} {
		r := request()
		r.Spec.Log.Store = tt.store
		if out, err := RenderUnit(r, tt.scope, 252); err != nil || strings.Contains(out.Text, "\nLogRateLimitIntervalSec=1us\n") != tt.want {
			t.Errorf("%s, store %q: %v\n%s", tt.scope, tt.store, err, out.Text)
		}
	}
}

// TestSocketsRefused: what a .socket unit cannot say, or would say something else with.
func TestSocketsRefused(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:0":                      "systemd does not choose a port",
		"unix:/srv/a\nExecStartPre=/x/s":   "no way to say the path",
		"unix:/srv/a\xff/s":                "no way to say the path",
		"unix:/srv/shop/s\\":               "no way to say the path",
		"unix:/srv/a\u0085ExecStartPre=/s": "no way to say the path",
	} {
		r := request()
		r.Spec.Sockets = []service.Socket{{Name: "http", Kind: service.SocketStream, Address: address}}
		if out, err := RenderUnit(r, service.ScopeUser, 254); err == nil || !strings.Contains(err.Error(), "sockets.http: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\n%v", address, err, out.Sockets)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	for _, tt := range []struct {
		name, unit string
		want       owner
		ok         bool
	}{
		{"ours", "[X-Apexd]\nSchema=1\nProject=\"/a b\"\nName=web\n", owner{"/a b", "web"}, true},
		{"Windows line ends", "[X-Apexd]\r\nSchema=1\r\nProject=/a\r\nName=web\r\n", owner{"/a", "web"}, true},
		{"in another section", "[Service]\nSchema=1\nProject=/a\nName=web\n", owner{}, false},
		{"without a project", "[X-Apexd]\nSchema=1\nName=web\n", owner{}, false},
		{"cut", "[X-Apexd]\nSchema=1\nProject=\"/a b\nName=web\n", owner{}, false},
		{"empty", "", owner{}, false},
		{"kardianos's own", "[Unit]\nDescription=x\n[Service]\nExecStart=/x\n", owner{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := ownerOf(tt.unit); ok != tt.ok || ok && got != tt.want {
				t.Errorf("%+v, %v", got, ok)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	a, b := "[A]\nx=1\ny=2\n[B]\nz=3\n", "[A]\nx=1\n[B]\nz=4\nw=5\n"
	if got, want := Diff(a, b), "  [A]\n- y=2\n  [B]\n- z=3\n+ z=4\n+ w=5\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Diff(a, a); got != "" {
		t.Errorf("of the same: %q", got)
	}
	if got := Diff("", "x\n"); got != "+ x\n" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestUnitDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("these are paths of Linux")
	}
	system := []string{"/etc/systemd/system.control", "/run/systemd/transient", "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"}
	user := func(config string) []string {
		return []string{config + "/systemd/user.control", "/run/user/1/systemd/transient", config + "/systemd/user", "/etc/xdg/systemd/user", "/etc/systemd/user", "/run/user/1/systemd/user"}
	}
	for _, tt := range []struct {
		name  string
		paths []string
		scope service.Scope
		want  string
	}{
		{"system", system, service.ScopeSystem, "/etc/systemd/system"},
		{"user", user("/home/u/.config"), service.ScopeUser, "/home/u/.config/systemd/user"},
		{"user with XDG_CONFIG_HOME", user("/data/conf"), service.ScopeUser, "/data/conf/systemd/user"},
		{"neither", []string{"/x"}, service.ScopeUser, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := unitDir(tt.paths, tt.scope); got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
