package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// systemdDriver registers the daemon with systemd by `apexd install` and operates it by apexd's verbs. It runs in a world of e2e/lab whose PID 1 is systemd.
type systemdDriver struct {
	scope   service.Scope
	manager *sync.RWMutex // held exclusively while nobody may make systemd load its units anew
}

// Slowness: in its world one systemd serves eight cases at a time.
func (systemdDriver) Slowness() int { return 3 }

func (d systemdDriver) Name() string {
	if d.scope == service.ScopeUser {
		return "systemd --user"
	}
	return "systemd"
}

func (d systemdDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanCommandLine:
		return servicetest.Absence{Reason: "a service runs the configured command"}
	case servicetest.HasRestarts:
		return servicetest.Absence{Reason: "systemd restarts it"}
	case servicetest.CanReadOnly:
		return servicetest.Absence{Reason: "systemd starts it outside of the caller's mounts"}
	case servicetest.CanOtherUser:
		if d.scope == service.ScopeUser {
			return servicetest.Absence{Reason: "who may see and signal what is the same as with systemd"}
		}
	}
	return missingHere(a)
}

func (d systemdDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &registered{subject: newSubject(t, base), scope: d.scope, manager: d.manager}
	s.systemHome()
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		s.env = append(s.env, "XDG_RUNTIME_DIR="+dir)
	}
	t.Cleanup(func() { unregister(t, s) })
	return s
}

// systemHome gives the commands of s the home that a manager's services have: those of another user than the case's own.
func (s *subject) systemHome() {
	s.env = slices.DeleteFunc(s.env, func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "HOME" || strings.HasPrefix(name, "XDG_")
	})
	s.env = append(s.env, "HOME="+os.Getenv("HOME"))
}

// registered is a project whose daemon is a service.
type registered struct {
	*subject
	scope   service.Scope
	manager *sync.RWMutex
}

// Configure registers what it has written, as a user does after each change that concerns the manager. A configuration that is refused leaves the service as it was.
func (s *registered) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	register(t, s, w)
}

func (s *registered) Start(ctx context.Context) servicetest.Outcome { return s.run(ctx, "start") }

func (s *registered) Install(ctx context.Context) servicetest.Outcome {
	s.manager.RLock()
	defer s.manager.RUnlock()
	if s.scope == service.ScopeSystem {
		return s.run(ctx, "install", "--system", "--run-as", "root") // the case's project is root's
	}
	return s.run(ctx, "install", "--user")
}

func (s *registered) Uninstall(ctx context.Context) servicetest.Outcome {
	s.manager.RLock()
	defer s.manager.RUnlock()
	return s.run(ctx, "uninstall")
}

// Undisturbed implements servicetest.Disturbed: installing and uninstalling make systemd load its units anew, which resets start limits and counts restarts twice.
func (s *registered) Undisturbed(servicetest.T) (done func()) {
	s.manager.Lock()
	return s.manager.Unlock
}

// Crash implements servicetest.Crasher. It returns when systemd is done with that end, too: until it has noticed it calls the unit active, and until what the daemon has left is
// killed, deactivating, which is what status then says.
func (s *registered) Crash(ctx context.Context) error {
	if err := s.subject.Crash(ctx); err != nil {
		return err
	}
	st, err := s.Await(ctx, func(st service.Status) bool {
		return st.State != service.StateStopping && st.State != service.StateUnknown
	})
	if err != nil {
		err = fmt.Errorf("after the end of the daemon it is %s: %w", st.State, err)
	}
	return err
}

func (s *registered) name() string {
	return service.RegistrationName(s.project, service.DefaultName) + ".service"
}

// systemctl is the manager's own tool.
func (s *registered) systemctl(ctx context.Context, args ...string) (string, error) {
	if s.scope == service.ScopeUser {
		args = append([]string{"--user"}, args...)
	}
	cmd := exec.CommandContext(ctx, "systemctl", args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("systemctl %s: %w: %s", args, err, out)
	}
	return string(out), err
}

func (s *registered) NativeStop(ctx context.Context) error {
	_, err := s.systemctl(ctx, "stop", s.name())
	return err
}

// unitDir is where the manager keeps what is installed.
func (s *registered) unitDir() string {
	if s.scope == service.ScopeUser {
		return filepath.Join(os.Getenv("HOME"), ".config/systemd/user")
	}
	return "/etc/systemd/system"
}

// Installed lists files and links with the service's name, and what the manager knows of it.
func (s *registered) Installed(t servicetest.T) []string {
	var found []string
	base := strings.TrimSuffix(s.name(), ".service")
	err := filepath.WalkDir(s.unitDir(), func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(filepath.Base(path), base) {
			found = append(found, path)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Errorf("%v", err)
	}
	out, err := s.systemctl(t.Context(), "list-units", "--all", "--full", "--plain", "--no-legend", s.name())
	if err != nil {
		t.Errorf("%v", err)
	}
	if line := strings.TrimSpace(out); line != "" {
		found = append(found, "unit "+strings.Join(strings.Fields(line)[:4], " "))
	}
	return found
}

// Damage deletes the unit file, as by hand: the link that enables it stays, and the manager still has it in memory.
func (s *registered) Damage(t servicetest.T) {
	if err := os.Remove(filepath.Join(s.unitDir(), s.name())); err != nil {
		t.Fatalf("%v", err)
	}
}

// Run implements servicetest.Foreground.
func (s *registered) Run(ctx context.Context) servicetest.ForegroundRun {
	return s.foreground(ctx, s.command(context.WithoutCancel(ctx), s.argv("run")))
}

// Copy implements servicetest.Copier. What is copied is not registered.
func (s *registered) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

// AsOther implements servicetest.OtherUser.
func (s *registered) AsOther(servicetest.T) servicetest.Subject {
	other := *s.subject
	other.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	other.env = []string{s.env[0], "HOME=/nonexistent"}
	return &registered{&other, s.scope, s.manager}
}

var (
	_ servicetest.Restarter  = (*registered)(nil)
	_ servicetest.Crasher    = (*registered)(nil)
	_ servicetest.Bystanders = (*registered)(nil)
	_ servicetest.OwnPID     = (*registered)(nil)
	_ servicetest.Copier     = (*registered)(nil)
	_ servicetest.OtherUser  = (*registered)(nil)
	_ servicetest.Foreground = (*registered)(nil)
	_ servicetest.Native     = (*registered)(nil)
	_ servicetest.Installer  = (*registered)(nil)
	_ servicetest.Disturbed  = (*registered)(nil)
)
