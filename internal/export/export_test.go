package export

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

var update = flag.Bool("update", false, "write the golden files anew")

// plainDaemon is what a configuration says that says little.
func plainDaemon() Daemon {
	return Daemon{Key: "shop-0123456789ab", Spec: service.Spec{
		Project: "/src/shop", Name: "daemon", Dir: "/src/shop", Command: []string{"node", "server.js"}, StopSignal: "SIGTERM", StopTimeout: 10 * time.Second,
		Readiness: service.Readiness{Kind: service.ReadyStarted, Timeout: time.Minute, Interval: 50 * time.Millisecond, Settle: 250 * time.Millisecond},
		Restart: service.RestartPolicy{
			When: service.RestartOnFailure, Delay: 500 * time.Millisecond, Factor: 2, Max: 30 * time.Second, Jitter: 0.1, Limit: 5, Window: time.Minute, Healthy: time.Minute,
		},
		Log: service.LogPolicy{Store: service.LogAuto, MaxSize: 10 << 20, MaxFiles: 5},
	}}
}

// fullDaemon says something of everything.
func fullDaemon() Daemon {
	d := plainDaemon()
	d.Key, d.Spec.Name = "9-shop-0123456789ab", "web.1"
	d.EnvFile, d.EnvFileNamed = "/src/shop/conf/web.env", true
	d.Elsewhere = []Source{{"logLevel", "APEX_LOG_LEVEL"}, {"environment.TOKEN", "/home/u/.config/apexd/config.yaml:3"}}
	s := &d.Spec
	s.FromArgs, s.Command = true, []string{"node", "a b", `q"'\`, "$HOME ${HOME $(HOME) $$ %h %{x} %%", "line\nend", "läden 店 \U0001f600", ""}
	s.Dir, s.StopSignal, s.StopTimeout, s.Log.Store = "/srv/other", "SIGINT", 1500*time.Millisecond, service.LogJournal
	s.Readiness = service.Readiness{Kind: service.ReadyHTTP, URL: "https://127.0.0.1:8443/health?x=1&y=a%20b", Timeout: 0}
	s.Restart = service.RestartPolicy{When: service.RestartAlways, Delay: time.Second, Factor: 1, Max: 0}
	s.Sockets = []service.Socket{
		{Name: "https", Kind: service.SocketStream, Address: "0.0.0.0:8443"},
		{Name: "7", Kind: service.SocketDatagram, Address: "[::]:8443"},
		{Name: "admin", Kind: service.SocketStream, Address: "127.0.0.1:9000"},
		{Name: "any", Kind: service.SocketStream, Address: "0.0.0.0:0"},
		{Name: "ctl", Kind: service.SocketStream, Address: "unix:/run/shop.sock"},
	}
	return d
}

// goldenRows are what testdata holds for each engine.
func goldenRows() map[string]struct {
	d Daemon
	o Options
} {
	once := plainDaemon()
	once.Spec.Restart.When, once.Spec.Command = service.RestartNever, nil
	tcp := plainDaemon()
	tcp.EnvFile = "/src/shop/.apex/daemon.env"
	tcp.Spec.StopTimeout, tcp.Spec.Readiness.Kind, tcp.Spec.Readiness.Address = time.Minute, service.ReadyTCP, "127.0.0.1:8080"
	return map[string]struct {
		d Daemon
		o Options
	}{
		"plain": {plainDaemon(), Options{}},
		"full":  {fullDaemon(), Options{Image: "registry.example.org:5000/a/shop:1.2@sha256:0123", Path: "/srv/shop-1", Ports: []int{8080}}},
		"once":  {once, Options{}},
		"tcp":   {tcp, Options{Ports: []int{8080, 8080}}},
	}
}

func TestGolden(t *testing.T) {
	for name, row := range goldenRows() {
		for _, e := range Engines() {
			t.Run(name+"/"+string(e), func(t *testing.T) {
				if e == Nomad && name == "full" { // it has no way to say ${HOME, see TestRefused; nor has Quadlet one for ""
					row.d.Spec.Command[3] = "$HOME $(HOME) $$ %h %{x} %%"
				}
				if e == Quadlet && name == "full" {
					row.d.Spec.Command = row.d.Spec.Command[:6]
				}
				doc, err := Render(e, row.d, row.o)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join("testdata", name+"."+string(e))
				if *update {
					if err := os.WriteFile(path, []byte(doc.Text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil || string(want) != doc.Text {
					t.Errorf("%s differs (%v): go test ./internal/export -update\n%s", path, err, doc.Text)
				}
			})
		}
	}
}

// TestNothingIsDropped: each note is a comment, and each thing that an engine cannot say a note.
func TestNothingIsDropped(t *testing.T) {
	d := fullDaemon()
	d.Spec.Command = []string{"node"}
	for _, e := range Engines() {
		doc, err := Render(e, d, Options{})
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for _, n := range doc.Notes {
			keys[n.Key] = true
			if !strings.Contains(doc.Text, "\n# - "+n.Key+": "+n.Text+"\n") {
				t.Errorf("%s: the note %+v is no comment", e, n)
			}
		}
		for _, key := range []string{"logLevel", "environment.TOKEN", "environmentFile", "workingDirectory", "log.store", "sockets.admin", "sockets.any", "sockets.ctl", "restart"} {
			if !keys[key] {
				t.Errorf("%s: nothing is said of %s", e, key)
			}
		}
	}
}

// TestNoSecrets: values of variables, and the password in a URL, are never written.
func TestNoSecrets(t *testing.T) {
	d := fullDaemon()
	d.Spec.Command = []string{"node"}
	d.Spec.Env = []string{"TOKEN=geheim"}
	d.Spec.Readiness.URL = "https://u:geheim@127.0.0.1:8443/"
	for _, e := range Engines() {
		doc, err := Render(e, d, Options{})
		if err != nil || strings.Contains(doc.Text, "geheim") {
			t.Errorf("%s, %v:\n%s", e, err, doc.Text)
		}
	}
}

func TestRefused(t *testing.T) {
	with := func(words ...string) Daemon {
		d := plainDaemon()
		d.Spec.FromArgs, d.Spec.Command = true, words
		return d
	}
	for _, row := range []struct {
		name string
		e    Engine
		d    Daemon
		o    Options
		want string
	}{
		{"an engine", "swarm", plainDaemon(), Options{}, "no such engine"},
		{"an image with a newline", Quadlet, plainDaemon(), Options{Image: "a\nExec=evil"}, "use the image"},
		{"an image with a specifier", Quadlet, plainDaemon(), Options{Image: "a%h"}, "use the image"},
		{"an image that is a flag", Compose, plainDaemon(), Options{Image: "-v/:/host"}, "begins with"},
		{"a long image", Compose, plainDaemon(), Options{Image: strings.Repeat("a", 513)}, "use the image"},
		{"a relative path", Compose, plainDaemon(), Options{Path: "app"}, "use the path"},
		{"a path that is not clean", Compose, plainDaemon(), Options{Path: "/app/../etc"}, "use the path"},
		{"a path with a newline", Quadlet, plainDaemon(), Options{Path: "/a\nb"}, "use the path"},
		{"a port", Compose, plainDaemon(), Options{Ports: []int{0}}, "publish port 0"},
		{"a port that is too high", Compose, plainDaemon(), Options{Ports: []int{65536}}, "publish port 65536"},
		{"bytes that are no text", Kubernetes, with("a\xff"), Options{}, "not UTF-8"},
		{"NUL", Kubernetes, with("a\x00"), Options{}, "NUL"},
		{"an empty word in a unit", Quadlet, with("a", ""), Options{}, "empty word"},
		{"Nomad's own variables", Nomad, with(`${env["HOME"]}`), Options{}, "Nomad puts a value"},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc, err := Render(row.e, row.d, row.o)
			if !errors.Is(err, service.ErrConfigInvalid) || !strings.Contains(err.Error(), row.want) || doc.Text != "" {
				t.Errorf("%q, %v", doc.Text, err)
			}
		})
	}
}

// TestGrace: the engine waits for longer than apexd does.
func TestGrace(t *testing.T) {
	number := map[Engine]*regexp.Regexp{
		Kubernetes: regexp.MustCompile(`terminationGracePeriodSeconds: (\S+)`), Compose: regexp.MustCompile(`stop_grace_period: (\S+)`),
		Nomad: regexp.MustCompile(`kill_timeout = "(\S+)"`), Quadlet: regexp.MustCompile(`\nStopTimeout=(\S+)`),
	}
	for stop, want := range map[time.Duration]string{10 * time.Second: "15", time.Millisecond: "6", 24 * time.Hour: "86405"} {
		d := plainDaemon()
		d.Spec.StopTimeout = stop
		for _, e := range Engines() {
			doc, err := Render(e, d, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if m := number[e].FindStringSubmatch(doc.Text); m == nil || strings.TrimSuffix(m[1], "s") != want {
				t.Errorf("%s, stopTimeout %s: %q, want %s", e, stop, m, want)
			}
		}
	}
}
