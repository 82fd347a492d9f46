package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/service"
)

// Open connects to the manager of this kind and scope. Which kind runs on this machine is told by backends.Detect. Errors: PLATFORM_UNSUPPORTED where it does not run here or
// is none that daemons can be registered with, INSTALL_FAILED where it cannot be reached, with a hint for each way that happens.
func Open(ctx context.Context, k service.Kind, scope service.Scope) (Installer, error) {
	switch k {
	case service.KindSystemd:
		return openSystemd(ctx, scope)
	case service.KindOpenRC:
		return openOpenRC(scope)
	case service.KindLaunchd:
		return openLaunchd(scope)
	case service.KindWindows:
		return openSCM(scope)
	case service.KindSysV, service.KindFreeBSD, service.KindProcd, service.KindRCS:
		return openSysV(k, scope)
	}
	return nil, &service.Error{Op: "find a service manager", Code: service.CodeUnsupported, Err: fmt.Errorf("apexd registers no daemons with %s", k)}
}

// openSystemd connects to the system's manager or the calling user's, which is found by its socket, so that neither a login session nor its variables are needed.
func openSystemd(ctx context.Context, scope service.Scope) (Installer, error) {
	if !systemd.IsBooted() {
		return nil, &service.Error{
			Op: "find a service manager", Code: service.CodeUnsupported, Err: errors.New("systemd does not run here (" + systemd.Booted + " is missing)"),
			Hint: "apexd start keeps the daemon without one, apexd run in a container",
		}
	}
	uid := os.Getuid()
	s := &Systemd{scope: scope}
	env, err := s.connect(ctx, uid)
	if err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, failed("ask systemd", service.CodeInstallFailed, err)
	}
	if lib := (library{scope, env}); lib.dir() == s.dir {
		s.register = lib.register
	}
	if path, err := exec.LookPath("systemd-analyze"); err == nil {
		s.verify = func(ctx context.Context, unit string) error { return analyze(ctx, path, scope, env, unit) }
	}
	if scope == service.ScopeUser {
		s.linger = linger{user: userName(uid), dir: lingerDir, run: loginctl}
	}
	return s, nil
}

// userName is the name of uid, or its number where it has none.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// connect finds the manager, and returns what its tools need in their environment.
func (s *Systemd) connect(ctx context.Context, uid int) (env map[string]string, err error) {
	if s.scope == service.ScopeUser {
		dir := systemd.RuntimeDir(os.Getenv, uid)
		env = map[string]string{"XDG_RUNTIME_DIR": dir}
		socket := filepath.Join(dir, "systemd/private")
		if _, err := os.Stat(socket); err != nil {
			return nil, noUserManager(userName(uid), socket, err)
		}
	} else if uid != 0 {
		return nil, &service.Error{
			Op: "register with the system's manager", Code: service.CodePermissionDenied, Err: fs.ErrPermission,
			Hint: "sudo apexd install --system; or without --system for your own manager",
		}
	}
	if s.manager, err = systemd.Connect(ctx, s.scope, uid); err != nil {
		return nil, failed("reach systemd", service.CodeInstallFailed, err)
	}
	return env, nil
}

// noUserManager says why there is nobody to ask, and never that the daemon is not installed.
func noUserManager(name, socket string, err error) error {
	e := &service.Error{
		Op: "reach the systemd of user " + name, Code: service.CodeInstallFailed, Path: socket, Err: fmt.Errorf("it does not run: %w", err),
		Hint: "log in as " + name + " (su and sudo are no login), or have it run without: sudo loginctl enable-linger " + name,
	}
	if errors.Is(err, fs.ErrPermission) {
		e.Err, e.Code = err, service.CodePermissionDenied
	}
	return e
}

func pairs(env map[string]string) []string {
	var out []string
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	return out
}

// askLimit bounds the tools of systemd's that are asked.
const askLimit = 90 * time.Second

// analyze reports what systemd-analyze verify says of the unit. What it says of units that this one needs is not ours to mend.
func analyze(ctx context.Context, program string, scope service.Scope, env map[string]string, unit string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	args := []string{"verify", "--man=no", unit}
	if scope == service.ScopeUser {
		args = append([]string{"--user"}, args...)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(append(os.Environ(), pairs(env)...), "LC_ALL=C", "SYSTEMD_COLORS=0")
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	_ = cmd.Run() // what it says is what counts: an old one returns 0 with complaints, and fails for other units' sake
	name := filepath.Base(unit)
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, name) {
			return fmt.Errorf("systemd-analyze verify: %s", strings.TrimSpace(line))
		}
	}
	return context.Cause(ctx)
}
