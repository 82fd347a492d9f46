//go:build unix

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// launchdDriver registers the daemon as an agent of this user's with launchd by `apexd install` and operates it by apexd's verbs: with the real launchd of macOS, or with e2e/fakelaunchd and a
// build of apexd that asks it.
type launchdDriver struct{ fake bool }

func (d launchdDriver) Name() string {
	if d.fake {
		return "launchd (fake)"
	}
	return "launchd"
}

// Slowness: launchd restarts no sooner than after a second.
func (launchdDriver) Slowness() int { return 3 }

func (d launchdDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanCommandLine:
		return servicetest.Absence{Reason: "a service runs the configured command"}
	case servicetest.HasRestarts:
		return servicetest.Absence{Reason: "launchd restarts it"}
	case servicetest.CanReadOnly:
		return servicetest.Absence{Reason: "launchd starts it outside of the caller's mounts"}
	case servicetest.CanOtherUser:
		return servicetest.Absence{Reason: "who may see and signal what is the same as without launchd"}
	}
	if d.fake && a == servicetest.CanRun {
		if _, err := os.Stat(fakeProgram("launchctl")); err != nil {
			return servicetest.Absence{Reason: "needs a Go toolchain, for a launchd", Machine: true}
		}
	}
	return missingHere(a)
}

func (d launchdDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &agent{subject: newSubject(t, base), home: os.Getenv("HOME"), launchctl: "/bin/launchctl"}
	if d.fake { // a home of the case's own, which on macOS always has a Library
		s.home, s.launchctl, s.apexd = s.path("user"), fakeProgram("launchctl"), fakeProgram("apexd")
		if err := os.MkdirAll(filepath.Join(s.home, "Library"), 0o755); err != nil {
			t.Fatalf("%v", err)
		}
		s.env = append(s.env, fakeVariable+"="+fakeProgram("launchctl"), fakeDirVariable+"="+fakeDir())
	}
	s.env = slices.DeleteFunc(s.env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") })
	s.env = append(s.env, "HOME="+s.home)
	t.Cleanup(func() { s.unregister(t) })
	return s
}

// agent is a project whose daemon is a launch agent.
type agent struct {
	*subject
	home, launchctl string
}

// Configure registers what it has written. A configuration that is refused leaves the agent as it was.
func (s *agent) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	o := s.Install(t.Context())
	if refused := o.Err != nil && (w.Raw != "" || len(w.Command) > 0 || o.Err.Code == service.CodeAlreadyRunning); o.Exit != 0 && !refused {
		t.Fatalf("install: %d %v\n%s", o.Exit, o.Err, o.Text)
	}
}

func (s *agent) Start(ctx context.Context) servicetest.Outcome { return s.run(ctx, "start") }

func (s *agent) Install(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "install", "--user")
}

func (s *agent) Uninstall(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "uninstall", "--user")
}

func (s *agent) unregister(t servicetest.T) {
	if o := s.Uninstall(t.Context()); o.Exit != 0 {
		t.Errorf("uninstall: %d %v\n%s", o.Exit, o.Err, o.Text)
	}
	if left := s.Installed(t); len(left) > 0 {
		t.Errorf("left behind by uninstall: %q", left)
	}
}

func (s *agent) label() string { return service.RegistrationName(s.project, service.DefaultName) }

func (s *agent) file() string {
	return filepath.Join(s.home, "Library/LaunchAgents", s.label()+".plist")
}

func (s *agent) target() string { return launchd.GUI(os.Getuid()).Target(s.label()) }

// tool is launchctl, as a person has it.
func (s *agent) tool(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, s.launchctl, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("launchctl %q: %w: %s", args, err, out)
	}
	return string(out), err
}

// NativeStop boots it out, which comes back before that is done.
func (s *agent) NativeStop(ctx context.Context) error {
	out, err := s.tool(ctx, "bootout", s.target())
	if strings.Contains(out, "36: Operation now in progress") {
		return nil
	}
	return err
}

// Installed lists the property list, the job and the override.
func (s *agent) Installed(t servicetest.T) []string {
	var found []string
	if _, err := os.Lstat(s.file()); !errors.Is(err, fs.ErrNotExist) {
		found = append(found, s.file())
	}
	if _, err := s.tool(t.Context(), "print", s.target()); err == nil {
		found = append(found, s.target())
	}
	disabled, err := launchd.Launchctl{Program: s.launchctl}.Disabled(t.Context(), launchd.GUI(os.Getuid()), s.label())
	if err != nil {
		t.Errorf("%v", err)
	}
	if disabled {
		found = append(found, "an override that disables it")
	}
	return found
}

// Damage has launchd load the job and disables it, and deletes the property list.
func (s *agent) Damage(t servicetest.T) {
	_, err := s.tool(t.Context(), "bootstrap", string(launchd.GUI(os.Getuid())), s.file())
	if err == nil {
		_, err = s.tool(t.Context(), "disable", s.target())
	}
	if err := errors.Join(err, os.Remove(s.file())); err != nil {
		t.Fatalf("%v", err)
	}
	if left := s.Installed(t); len(left) != 2 {
		t.Fatalf("without its property list there is %q", left)
	}
}

// Run implements servicetest.Foreground.
func (s *agent) Run(ctx context.Context) servicetest.ForegroundRun {
	return s.foreground(ctx, s.command(context.WithoutCancel(ctx), s.argv("run")))
}

// Copy implements servicetest.Copier. What is copied is not registered.
func (s *agent) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

var (
	_ servicetest.Restarter  = (*agent)(nil)
	_ servicetest.Crasher    = (*agent)(nil)
	_ servicetest.Bystanders = (*agent)(nil)
	_ servicetest.OwnPID     = (*agent)(nil)
	_ servicetest.Copier     = (*agent)(nil)
	_ servicetest.Foreground = (*agent)(nil)
	_ servicetest.Native     = (*agent)(nil)
	_ servicetest.Installer  = (*agent)(nil)
)

// fakeVariable is what a build of apexd with the tag fakelaunchd reads (internal/launchd), fakeDirVariable what its launchctl does (e2e/fakelaunchd).
const (
	fakeVariable    = "APEXD_FAKE_LAUNCHCTL"
	fakeDirVariable = "APEXD_FAKE_LAUNCHD"
)

// fakeDir has the programs, and the socket of the launchd.
func fakeDir() string { return filepath.Join(os.Getenv(binVariable), "fakelaunchd") }

func fakeProgram(name string) string { return filepath.Join(fakeDir(), name) }
