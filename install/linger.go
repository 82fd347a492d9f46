package install

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// lingerDir has a file for each user whose manager runs without a login: loginctl(1), enable-linger.
const lingerDir = "/var/lib/systemd/linger"

// linger asks logind for a user's manager to run from boot on. The zero value is for the system's manager, which does.
type linger struct {
	user string
	dir  string
	run  func(ctx context.Context, args ...string) error // loginctl
}

// on reports whether the user lingers already.
func (l linger) on() (bool, error) {
	_, err := os.Lstat(filepath.Join(l.dir, l.user))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (l linger) command() string { return "loginctl enable-linger " + l.user }

// step turns lingering on; none where it is on already.
func (l linger) step() (step, bool) {
	if on, _ := l.on(); l.user == "" || on { // where it cannot be seen, loginctl decides
		return step{}, false
	}
	return step{
		"enable lingering",
		func(ctx context.Context) error { return l.run(ctx, "enable-linger", l.user) },
		func(ctx context.Context) error { return l.run(ctx, "disable-linger", l.user) },
	}, true
}

// warning says what a user's daemon misses without lingering.
func (l linger) warning() string {
	if on, err := l.on(); l.user == "" || on || err != nil {
		return ""
	}
	return fmt.Sprintf("the daemon ends when %s logs out, and starts at login and not at boot: apexd install --linger, or %s", l.user, l.command())
}

func loginctl(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "loginctl", append([]string{"--no-pager", "--no-ask-password"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("loginctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}
