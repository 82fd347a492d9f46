package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// dirDriver has runit or s6 run the daemon, by the service directory that `apexd install --for` has written, and operates it by apexd's verbs. It runs in a world of e2e/lab.
type dirDriver struct {
	kind service.Kind
	scan string // where the supervisor looks
}

func (d dirDriver) Name() string { return string(d.kind) }

// Slowness: both wait a second between two runs, and runsvdir(8) looks for new directories every five.
func (dirDriver) Slowness() int { return 3 }

func (d dirDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanCommandLine:
		return servicetest.Absence{Reason: "a service runs the configured command"}
	case servicetest.CanInstall:
		return servicetest.Absence{Reason: "its service directory is printed or written on request, and removed by hand"}
	case servicetest.CanReadOnly:
		return servicetest.Absence{Reason: string(d.kind) + " starts it outside of the caller's mounts"}
	}
	return missingHere(a)
}

func (d dirDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &inServiceDir{direct{newSubject(t, base)}, d}
	t.Cleanup(func() { s.remove(t) })
	return s
}

// inServiceDir is a project whose daemon has a service directory.
type inServiceDir struct {
	direct
	d dirDriver
}

// Fixed implements servicetest.Fixed.
func (*inServiceDir) Fixed() {}

func (s *inServiceDir) dir() string {
	return filepath.Join(s.d.scan, service.RegistrationName(s.project, service.DefaultName))
}

// Configure writes the service directory anew, and returns when it is supervised. A configuration that is refused leaves it as it was.
func (s *inServiceDir) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	installed(t, s.run(t.Context(), "install", "--for", string(s.d.kind), "--output", s.dir(), "--down", "--run-as", "root"), w)
	if s.d.kind == service.KindS6 {
		if err := tool(t.Context(), "s6-svscanctl", "-a", s.d.scan); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for !isFile(s.dir()) || !isFile(filepath.Join(s.dir(), "supervise", "status")) { // a start waits for nobody, and there is no event when a supervisor is up that s6 and runit share
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatalf("nobody supervises %s", s.dir())
		}
		if !isFile(s.dir()) {
			return // refused
		}
	}
}

func isFile(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// remove takes the directory from the supervisor, as a person does.
func (s *inServiceDir) remove(t servicetest.T) {
	if !isFile(s.dir()) {
		return
	}
	away := filepath.Join(filepath.Dir(s.d.scan), "."+filepath.Base(s.dir()))
	var err error
	if s.d.kind == service.KindS6 {
		err = errors.Join(os.Rename(s.dir(), away), tool(t.Context(), "s6-svscanctl", "-an", s.d.scan))
		for tool(t.Context(), "s6-svok", away) == nil { // there is no event of a supervisor's end
			<-time.After(20 * time.Millisecond)
		}
	} else {
		err = errors.Join(os.Rename(s.dir(), away), tool(t.Context(), "sv", "exit", away))
	}
	for errors.Is(os.RemoveAll(away), syscall.ENOTEMPTY) { // a supervisor that is about to end still writes there, and no event tells when it has
		<-time.After(20 * time.Millisecond)
	}
	if err = errors.Join(err, os.RemoveAll(away)); err != nil {
		t.Errorf("%v", err)
	}
}

// tool runs one of the manager's own.
func tool(ctx context.Context, argv ...string) error {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q: %w: %s", argv, err, out)
	}
	return nil
}

// NativeStop is sv(8)'s or s6-svc(1)'s, which wait.
func (s *inServiceDir) NativeStop(ctx context.Context) error {
	if s.d.kind == service.KindS6 {
		return tool(ctx, "s6-svc", "-wD", "-d", s.dir())
	}
	return tool(ctx, "sv", "-w", "30", "stop", s.dir())
}

// Copy implements servicetest.Copier. What is copied has no service directory.
func (s *inServiceDir) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

var (
	_ servicetest.Restarter  = (*inServiceDir)(nil)
	_ servicetest.Crasher    = (*inServiceDir)(nil)
	_ servicetest.Bystanders = (*inServiceDir)(nil)
	_ servicetest.OwnPID     = (*inServiceDir)(nil)
	_ servicetest.Copier     = (*inServiceDir)(nil)
	_ servicetest.OtherUser  = (*inServiceDir)(nil)
	_ servicetest.Foreground = (*inServiceDir)(nil)
	_ servicetest.Native     = (*inServiceDir)(nil)
	_ servicetest.Fixed      = (*inServiceDir)(nil)
)
