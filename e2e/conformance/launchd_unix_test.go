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
	"syscall"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// launchdDriver registers the daemon with launchd by `apexd install`, as an agent of this user's or as a daemon of the system's, and operates it by apexd's verbs: with the real launchd of macOS, or
// with e2e/fakelaunchd and a build of apexd that asks it.
type launchdDriver struct {
	scope service.Scope
	fake  bool
}

func (d launchdDriver) Name() string {
	name := "launchd"
	if d.scope == service.ScopeSystem {
		name += " --system"
	}
	if d.fake {
		name += " (fake)"
	}
	return name
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
		if d.scope == service.ScopeUser {
			return servicetest.Absence{Reason: "who may see and signal what is the same as without launchd"}
		}
	case servicetest.CanRun:
		if d.scope == service.ScopeSystem && os.Geteuid() != 0 {
			return servicetest.Absence{Reason: "needs root, whose domain it is", Machine: true}
		}
	}
	if d.fake && a == servicetest.CanRun {
		if _, err := os.Stat(fakeProgram("launchctl")); err != nil {
			return servicetest.Absence{Reason: "needs a Go toolchain, for a launchd", Machine: true}
		}
	}
	return missingHere(a)
}

func (d launchdDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &job{subject: newSubject(t, base), scope: d.scope, home: os.Getenv("HOME"), launchctl: "/bin/launchctl"}
	if d.fake { // a home of the case's own, which on macOS always has a Library
		s.home, s.launchctl, s.apexd, s.machine = s.path("user"), fakeProgram("launchctl"), fakeProgram("apexd"), s.path("machine")
		err := errors.Join(os.MkdirAll(filepath.Join(s.home, "Library"), 0o755), os.MkdirAll(filepath.Join(s.machine, "Library/LaunchDaemons"), 0o755))
		if err != nil {
			t.Fatalf("%v", err)
		}
		s.env = append(s.env, fakeVariable+"="+fakeProgram("launchctl"), fakeDirVariable+"="+fakeDir(), fakeRootVariable+"="+s.machine)
	}
	s.env = slices.DeleteFunc(s.env, func(kv string) bool { return strings.HasPrefix(kv, "HOME=") })
	s.env = append(s.env, "HOME="+s.home)
	t.Cleanup(func() { unregister(t, s) })
	return s
}

// job is a project whose daemon is a job of launchd's.
type job struct {
	*subject
	scope           service.Scope
	home, launchctl string
	machine         string // what /Library is below; "" is /
}

// Configure registers what it has written. A configuration that is refused leaves the job as it was.
func (s *job) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	register(t, s, w)
}

func (s *job) Start(ctx context.Context) servicetest.Outcome { return s.run(ctx, "start") }

func (s *job) Install(ctx context.Context) servicetest.Outcome {
	if s.scope == service.ScopeSystem {
		return s.run(ctx, "install", "--system", "--run-as", "root") // the case's project is root's
	}
	return s.run(ctx, "install", "--user")
}

func (s *job) Uninstall(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "uninstall", "--"+string(s.scope))
}

func (s *job) label() string { return service.RegistrationName(s.project, service.DefaultName) }

func (s *job) file() string {
	if s.scope == service.ScopeSystem {
		return filepath.Join(s.machine, "/Library/LaunchDaemons", s.label()+".plist")
	}
	return filepath.Join(s.home, "Library/LaunchAgents", s.label()+".plist")
}

func (s *job) domain() launchd.Domain { return launchd.Domains(s.scope, os.Getuid())[0] }

func (s *job) target() string { return s.domain().Target(s.label()) }

// tool is launchctl, as a person has it.
func (s *job) tool(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, s.launchctl, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("launchctl %q: %w: %s", args, err, out)
	}
	return string(out), err
}

// NativeStop boots it out, which comes back before that is done.
func (s *job) NativeStop(ctx context.Context) error {
	out, err := s.tool(ctx, "bootout", s.target())
	if strings.Contains(out, "36: Operation now in progress") {
		return nil
	}
	return err
}

// Installed lists the property list, the job and the override.
func (s *job) Installed(t servicetest.T) []string {
	var found []string
	if _, err := os.Lstat(s.file()); !errors.Is(err, fs.ErrNotExist) {
		found = append(found, s.file())
	}
	if _, err := s.tool(t.Context(), "print", s.target()); err == nil {
		found = append(found, s.target())
	}
	disabled, err := launchd.Launchctl{Program: s.launchctl}.Disabled(t.Context(), s.domain(), s.label())
	if err != nil {
		t.Errorf("%v", err)
	}
	if disabled {
		found = append(found, "an override that disables it")
	}
	return found
}

// Damage has launchd load the job and disables it, and deletes the property list.
func (s *job) Damage(t servicetest.T) {
	_, err := s.tool(t.Context(), "bootstrap", string(s.domain()), s.file())
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
func (s *job) Run(ctx context.Context) servicetest.ForegroundRun {
	return s.foreground(ctx, s.command(context.WithoutCancel(ctx), s.argv("run")))
}

// Copy implements servicetest.Copier. What is copied is not registered.
func (s *job) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

// AsOther implements servicetest.OtherUser.
func (s *job) AsOther(servicetest.T) servicetest.Subject {
	twin, other := *s.subject, *s
	other.subject = &twin
	other.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	other.env = append(slices.DeleteFunc(slices.Clone(s.env), func(kv string) bool { return strings.HasPrefix(kv, "HOME=") || strings.HasPrefix(kv, "XDG_") }), "HOME=/nonexistent")
	return &other
}

var (
	_ servicetest.OtherUser  = (*job)(nil)
	_ servicetest.Restarter  = (*job)(nil)
	_ servicetest.Crasher    = (*job)(nil)
	_ servicetest.Bystanders = (*job)(nil)
	_ servicetest.OwnPID     = (*job)(nil)
	_ servicetest.Copier     = (*job)(nil)
	_ servicetest.Foreground = (*job)(nil)
	_ servicetest.Native     = (*job)(nil)
	_ servicetest.Installer  = (*job)(nil)
)

// fakeVariable is what a build of apexd with the tag fakelaunchd reads (internal/launchd), fakeDirVariable what its launchctl does (e2e/fakelaunchd).
const (
	fakeVariable    = "APEXD_FAKE_LAUNCHCTL"
	fakeDirVariable = "APEXD_FAKE_LAUNCHD"
	// fakeRootVariable is where that build looks for /Library/LaunchDaemons.
	fakeRootVariable = "APEXD_FAKE_ROOT"
)

// fakeDir has the programs, and the socket of the launchd.
func fakeDir() string { return filepath.Join(os.Getenv(binVariable), "fakelaunchd") }

func fakeProgram(name string) string { return filepath.Join(fakeDir(), name) }
