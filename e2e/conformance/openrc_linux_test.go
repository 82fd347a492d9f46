package conformance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// openrcDriver registers the daemon with OpenRC by `apexd install` and operates it by apexd's verbs. It runs in a world of e2e/lab that OpenRC has booted.
type openrcDriver struct{}

// Slowness: in its world every start and stop is a shell script's, and delays are whole seconds.
func (openrcDriver) Slowness() int { return 3 }

func (openrcDriver) Name() string { return "openrc" }

func (openrcDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanCommandLine:
		return servicetest.Absence{Reason: "a service runs the configured command"}
	case servicetest.HasRestarts:
		return servicetest.Absence{Reason: "OpenRC restarts it"}
	case servicetest.CanReadOnly:
		return servicetest.Absence{Reason: "OpenRC starts it outside of the caller's mounts"}
	}
	return missingHere(a)
}

func (openrcDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &scripted{newSubject(t, base)}
	s.systemHome()
	t.Cleanup(func() { unregister(t, s) })
	return s
}

// scripted is a project whose daemon is a service of OpenRC.
type scripted struct{ *subject }

func (s *scripted) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	register(t, s, w)
}

func (s *scripted) Start(ctx context.Context) servicetest.Outcome { return s.run(ctx, "start") }

func (s *scripted) Install(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "install", "--system", "--run-as", "root") // the case's project is root's
}

func (s *scripted) Uninstall(ctx context.Context) servicetest.Outcome { return s.run(ctx, "uninstall") }

func (s *scripted) name() string { return service.RegistrationName(s.project, service.DefaultName) }

func (s *scripted) NativeStop(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "/sbin/rc-service", "--nocolor", s.name(), "stop").CombinedOutput()
	if err != nil {
		return fmt.Errorf("rc-service %s stop: %w: %s", s.name(), err, out)
	}
	return nil
}

// Installed lists everything that has the service's name, wherever OpenRC keeps something of a service.
func (s *scripted) Installed(t servicetest.T) []string {
	var found []string
	for _, pattern := range []string{"/etc/init.d/", "/etc/conf.d/", "/etc/runlevels/*/", "/run/openrc/*/", "/run/openrc/supervise-", "/run/supervise-", "/etc/rc?.d/???"} {
		matches, err := filepath.Glob(pattern + s.name() + "*")
		if err != nil {
			t.Errorf("%v", err)
		}
		found = append(found, matches...)
	}
	return found
}

// Damage deletes the script, as by hand: the runlevel still has it, and a supervisor would run on.
func (s *scripted) Damage(t servicetest.T) {
	if err := os.Remove("/etc/init.d/" + s.name()); err != nil {
		t.Fatalf("%v", err)
	}
}

// Run implements servicetest.Foreground.
func (s *scripted) Run(ctx context.Context) servicetest.ForegroundRun {
	return s.foreground(ctx, s.command(context.WithoutCancel(ctx), s.argv("run")))
}

// Copy implements servicetest.Copier. What is copied is not registered.
func (s *scripted) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

// AsOther implements servicetest.OtherUser.
func (s *scripted) AsOther(servicetest.T) servicetest.Subject {
	other := *s.subject
	other.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	other.env = []string{s.env[0], "HOME=/nonexistent"}
	return &scripted{&other}
}

var (
	_ servicetest.Restarter  = (*scripted)(nil)
	_ servicetest.Crasher    = (*scripted)(nil)
	_ servicetest.Bystanders = (*scripted)(nil)
	_ servicetest.OwnPID     = (*scripted)(nil)
	_ servicetest.Copier     = (*scripted)(nil)
	_ servicetest.OtherUser  = (*scripted)(nil)
	_ servicetest.Foreground = (*scripted)(nil)
	_ servicetest.Native     = (*scripted)(nil)
	_ servicetest.Installer  = (*scripted)(nil)
)
