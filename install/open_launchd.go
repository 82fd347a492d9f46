//go:build darwin || fakelaunchd

package install

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/plist"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// openLaunchd is the system's launchd, or the calling user's part of it.
func openLaunchd(scope service.Scope) (Installer, error) {
	home, err := os.UserHomeDir()
	if err != nil && scope == service.ScopeUser {
		return nil, failed("find the home directory", service.CodeInstallFailed, err)
	}
	l := &Launchd{ctl: launchd.Launchctl{}, scope: scope, owner: os.Getuid(), home: home, encode: plist.Encode, decode: plist.Decode, running: pidfile.Ref.Look}
	if dir := jobLibraryDir(scope); dir != "" && dir == filepath.Dir(launchd.File(scope, home, "x")) {
		l.register = func(label, exec, text string) error { return registerJob(scope, label, exec, text) }
	}
	if program, err := exec.LookPath("/usr/bin/plutil"); err == nil {
		l.lint = func(ctx context.Context, path string) error { return lintPlist(ctx, program, path) }
	}
	return l, nil
}

// readJob reads the text of a property list.
func readJob(text string) Asked {
	var p launchd.PropertyList
	if plist.Decode(text, &p) != nil {
		return Asked{}
	}
	if _, ours := ownerOfJob(p); !ours {
		return Asked{}
	}
	a := Asked{User: p.UserName, Program: p.ProgramArguments[0]}
	if p.UserName == "" {
		a.Session = cmp.Or(p.LimitLoadToSessionType, launchd.GUI(0).Session())
	}
	return a
}

// lintPlist reports what plutil(1) says of the property list at path.
func lintPlist(ctx context.Context, program, path string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "-lint", "-s", path)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("plutil -lint: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}
