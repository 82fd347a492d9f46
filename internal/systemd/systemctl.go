package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// systemctl asks through systemctl(1), where no socket can be reached.
type systemctl struct {
	path string
	args []string // "--user", or nothing
	env  []string // in addition to ours
}

// errOtherUser is why systemctl is no help: it speaks with the manager of whoever runs it.
var errOtherUser = errors.New("it is another user's manager")

func connectCtl(scope service.Scope, uid int) (Conn, error) {
	c := systemctl{env: []string{"LC_ALL=C", "SYSTEMD_COLORS=0"}} // in English, since some of its words are read
	if scope == service.ScopeUser {
		if uid != os.Geteuid() {
			return nil, errOtherUser
		}
		c.args, c.env = []string{"--user"}, append(c.env, "XDG_RUNTIME_DIR="+RuntimeDir(os.Getenv, uid))
	}
	var err error
	c.path, err = exec.LookPath("systemctl")
	return c, err
}

const (
	ctlDelay = time.Second // what systemctl gets to end after its context has ended
	maxSaid  = 4 << 10     // what is kept of its last words
)

// run runs systemctl and returns its standard output.
func (c systemctl) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.path, append(append([]string{"--no-pager", "--no-ask-password"}, c.args...), args...)...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.WaitDelay = ctlDelay
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out.String(), ctlError(said.String(), fmt.Errorf("systemctl %s: %w", strings.Join(append(c.args, args...), " "), err))
}

// ask is run for a question.
func (c systemctl) ask(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return c.run(ctx, args...)
}

// ctlError makes sense of what systemctl said.
func ctlError(said string, err error) error {
	said = strings.ReplaceAll(strings.TrimSpace(said), "\n", " ")
	said = said[:min(len(said), maxSaid)]
	switch {
	case strings.Contains(said, "Access denied"), strings.Contains(said, "Interactive authentication required"), strings.Contains(said, "Permission denied"):
		return fmt.Errorf("%w (%s)", ErrDenied, said)
	case strings.Contains(said, "not loaded"):
		return fmt.Errorf("%w (%s)", ErrNoUnit, said)
	case said == "":
		return err
	}
	return fmt.Errorf("%w: %s", err, said)
}

func (c systemctl) Facts(ctx context.Context) (Facts, error) {
	out, err := c.ask(ctx, "show", "--property=Version,UnitPath")
	if err != nil {
		return Facts{}, err
	}
	m := parseShow(out)
	return Facts{parseVersion(m["Version"]), strings.Fields(m["UnitPath"])}.check(m["Version"])
}

func (c systemctl) Unit(ctx context.Context, name string) (Unit, error) {
	out, err := c.ask(ctx, "show", "--timestamp=unix", "--property="+strings.Join(properties[:], ","), "--", name)
	if err != nil {
		return Unit{}, err
	}
	m := parseShow(out)
	return unitOf(func(p string) string { return m[p] }), nil
}

// Job runs one of systemctl's verbs, which wait for their jobs. A job that failed is a result, not an error.
func (c systemctl) Job(ctx context.Context, verb, name string) (string, error) {
	_, err := c.run(ctx, verb, "--", name)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "done", nil
	case errors.As(err, &exit) && strings.Contains(err.Error(), "A dependency job for "):
		return "dependency", nil
	case errors.As(err, &exit) && exit.ExitCode() == 1 && strings.Contains(err.Error(), "Job for "):
		return "failed", nil
	}
	return "", err
}

func (c systemctl) Kill(ctx context.Context, name string, sig syscall.Signal) error {
	_, err := c.ask(ctx, "kill", "--kill-who=all", "--signal="+strconv.Itoa(int(sig)), "--", name)
	return err
}

func (c systemctl) ResetFailed(ctx context.Context, name string) error {
	_, err := c.ask(ctx, "reset-failed", "--", name)
	return err
}

func (c systemctl) Reload(ctx context.Context) error {
	_, err := c.ask(ctx, "daemon-reload")
	return err
}

func (c systemctl) Enable(ctx context.Context, name string) error {
	_, err := c.ask(ctx, "--quiet", "enable", "--", name)
	return err
}

func (c systemctl) Disable(ctx context.Context, name string) error {
	_, err := c.ask(ctx, "--quiet", "disable", "--", name)
	return err
}

func (c systemctl) Close() {}
