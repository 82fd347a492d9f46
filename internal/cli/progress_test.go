package cli

import (
	"regexp"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestProgressTexts: each says what is waited for, and how long that may take.
func TestProgressTexts(t *testing.T) {
	start := func(r service.Readiness) string {
		r.Timeout = time.Minute
		return startText(service.Spec{Name: "web", Readiness: r}, pidfile.Ref{Path: t.TempDir()})(3 * time.Second)
	}
	stop := func(o service.StopOptions) string {
		return stopText(service.Spec{Name: "web", StopTimeout: 10 * time.Second}, o, 7)(3 * time.Second)
	}
	p := &install.Plan{Op: "install", Service: "apex-x"}
	step := stepText(p)
	p.OnStep(2, 3, "enable")
	for _, tt := range []struct{ name, got, want string }{
		{"http", start(service.Readiness{Kind: service.ReadyHTTP, URL: "http://x/y"}), "starting web: waiting until http://x/y answers, 3 s of at most 1 min"},
		{"tcp", start(service.Readiness{Kind: service.ReadyTCP, Address: "x:1"}), "starting web: waiting until x:1 accepts a connection, 3 s of at most 1 min"},
		{"notify", start(service.Readiness{Kind: service.ReadyNotify}), "starting web: waiting until it says READY=1, 3 s of at most 1 min"},
		{"log", start(service.Readiness{Kind: service.ReadyLog, Pattern: regexp.MustCompile("up")}), `starting web: waiting for a line of output like "up", 3 s of at most 1 min`},
		{"started", start(service.Readiness{Kind: service.ReadyStarted}), "starting web: waiting whether it stays up, 3 s of at most 1 min"},
		{"stop", stop(service.StopOptions{}), "stopping web (PID 7), 3 s; what still runs after 10 s is killed"},
		{"stop with a limit", stop(service.StopOptions{Timeout: time.Minute}), "stopping web (PID 7), 3 s; what still runs after 1 min is killed"},
		{"kill", stop(service.StopOptions{Force: true}), "killing web (PID 7), 3 s"},
		{"install", step(3 * time.Second), "install apex-x, step 2 of 3: enable, 3 s"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

// TestProgressIsQuiet: what is short is not spoken of, and nothing is with --quiet and --json.
func TestProgressIsQuiet(t *testing.T) {
	for _, a := range []*app{{}, {quiet: true}, {json: true}} {
		b, _, errs := output(t)
		a.err = b.err
		a.waiting(pidfile.Ref{}, func(time.Duration) string { return "waiting" }).done()
		if errs() != "" {
			t.Errorf("%+v: %q", a, errs())
		}
	}
}
