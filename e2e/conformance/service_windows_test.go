package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// serviceDriver registers the daemon as a service of Windows by `apexd install` and operates it by apexd's verbs.
type serviceDriver struct{ wine bool }

func (d serviceDriver) Name() string {
	if d.wine {
		return "service, Windows (Wine)"
	}
	return "service, Windows"
}

// Slowness is wineDriver's; and on Wine and Windows alike one Service Control Manager serves all cases.
func (serviceDriver) Slowness() int { return 5 }

func (d serviceDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch {
	case !administrator():
		return servicetest.Absence{Reason: "needs an administrator", Machine: true}
	case a == servicetest.CanCommandLine:
		return servicetest.Absence{Reason: "a service runs the configured command"}
	case a == servicetest.HasRestarts:
		return servicetest.Absence{Reason: "Windows restarts it"}
	case a == servicetest.HasRecovery && d.wine:
		return servicetest.Absence{Reason: "Wine forgets recovery actions", Machine: true}
	case a == servicetest.HasManagerSight && d.wine:
		return servicetest.Absence{Reason: "Wine's SCM does not see that a service's process was ended", Machine: true}
	}
	return missingHere(a)
}

// administrator reports whether this process may change services.
func administrator() bool {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CREATE_SERVICE)
	if err != nil {
		return false
	}
	windows.CloseServiceHandle(m)
	return true
}

func (d serviceDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &windowsService{newSubject(t, base)}
	t.Cleanup(func() { unregister(t, s) })
	return s
}

// windowsService is a project whose daemon is a service.
type windowsService struct{ *subject }

// Configure registers what it has written. A configuration that is refused leaves the service as it was.
func (s *windowsService) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	register(t, s, w)
}

func (s *windowsService) Start(ctx context.Context) servicetest.Outcome { return s.run(ctx, "start") }

// Install registers with the default account, the service's own, and lets it into the project. On Wine that is the only user that there is; on Windows the temporary directory, where apexd
// and the suite's programs are, must be one in which users may run programs (.github/workflows/ci.yml).
func (s *windowsService) Install(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "install", "--start-type", "manual")
}

func (s *windowsService) Uninstall(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "uninstall")
}

func (s *windowsService) name() string {
	return service.RegistrationName(s.project, service.DefaultName)
}

// tool is one of the manager's own.
func (s *windowsService) tool(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q: %w: %s", args, err, out)
	}
	return nil
}

// NativeStop is net.exe's, which waits.
func (s *windowsService) NativeStop(ctx context.Context) error {
	return s.tool(ctx, "net", "stop", s.name())
}

// Installed lists the service's key, its event source, and whether the SCM knows it.
func (s *windowsService) Installed(t servicetest.T) []string {
	var found []string
	for _, key := range []string{winsvc.Root + s.name(), winsvc.SourceRoot + s.name()} {
		k, err := registry.OpenKey(registry.LOCAL_MACHINE, key, registry.QUERY_VALUE)
		if err == nil {
			found = append(found, key)
			k.Close()
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", key, err)
		}
	}
	known, err := winsvc.Registered(s.name())
	if err != nil {
		t.Errorf("%v", err)
	}
	if known {
		found = append(found, "service "+s.name())
	}
	return found
}

// Damage deletes the service with the manager's own tool: its event source stays.
func (s *windowsService) Damage(t servicetest.T) {
	if err := s.tool(t.Context(), "sc", "delete", s.name()); err != nil {
		t.Fatalf("%v", err)
	}
	if left := strings.Join(s.Installed(t), " "); !strings.Contains(left, "EventLog") {
		t.Fatalf("sc delete leaves %q", left)
	}
}

// Copy implements servicetest.Copier. What is copied is not registered.
func (s *windowsService) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

var (
	_ servicetest.Restarter  = (*windowsService)(nil)
	_ servicetest.Crasher    = (*windowsService)(nil)
	_ servicetest.Bystanders = (*windowsService)(nil)
	_ servicetest.Copier     = (*windowsService)(nil)
	_ servicetest.Native     = (*windowsService)(nil)
	_ servicetest.Installer  = (*windowsService)(nil)
)
