package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Launchctl runs launchctl(1). The zero value runs the system's. It is a value and safe for concurrent use.
type Launchctl struct {
	Program string // "" is the system's
}

const (
	askLimit = 10 * time.Second // what launchctl gets for one answer: it takes some 10 ms
	ctlDelay = time.Second      // and to end when it gets no more
	maxSaid  = 4 << 10          // what is kept of its words
)

// run runs launchctl and returns what it printed. Errors: *Error when it has answered, else what kept it from being run.
func (c Launchctl) run(ctx context.Context, verb, target string, args ...string) (string, error) {
	path := c.Program
	if path == "" {
		path = program()
	}
	bounded, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	cmd := exec.CommandContext(bounded, path, append([]string{verb}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = ctlDelay
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case bounded.Err() != nil:
		return "", fmt.Errorf("launchctl %s %s: no answer within %s", verb, target, askLimit)
	case !errors.As(err, &ended):
		return "", fmt.Errorf("launchctl %s %s: %w", verb, target, err)
	}
	words := oneLine(said.String() + out.String())
	status := number(ended.ExitCode(), words)
	if strings.Contains(words, "Unrecognized subcommand") {
		status = statusUsage
	}
	return "", &Error{Verb: verb, Target: target, Status: status, Said: words}
}

// oneLine is what launchctl said, without the advice that it gives for every error.
func oneLine(said string) string {
	var keep []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Try re-running the command as root") {
			keep = append(keep, line)
		}
	}
	s := strings.Join(keep, " ")
	return s[:min(len(s), maxSaid)]
}

// Print tells of one job. Errors: ErrNotLoaded, ErrNoDomain.
func (c Launchctl) Print(ctx context.Context, d Domain, label string) (Job, error) {
	target := d.Target(label)
	text, err := c.run(ctx, "print", target, target)
	parse := parsePrint
	if errors.Is(err, ErrUnknownVerb) {
		text, err = c.run(ctx, "list", target, label) // it knows the caller's own domain alone
		parse = parseList
	}
	if err != nil {
		return Job{}, err
	}
	j, ok := parse(text)
	if !ok {
		return j, fmt.Errorf("launchctl print %s: an answer that apexd does not understand: %.200q", target, text)
	}
	j.Domain = d
	return j, nil
}

// Find tells of the job in the first of these domains that has it loaded. Otherwise the error is ErrNotLoaded, and the Job's Domain is the first that there is, or
// ErrNoDomain, where there is none.
func (c Launchctl) Find(ctx context.Context, domains []Domain, label string) (Job, error) {
	var (
		home Job
		last error
	)
	for _, d := range domains {
		j, err := c.Print(ctx, d, label)
		switch {
		case err == nil:
			return j, nil
		case errors.Is(err, ErrNotLoaded):
			if home.Domain == "" {
				home.Domain, last = d, err
			}
		case !errors.Is(err, ErrNoDomain):
			return Job{}, err
		case last == nil:
			last = err
		}
	}
	return home, last
}

// Screen reports whether uid is logged in at the screen, so that there is a domain for agents of that session. It asks for the job called label, loaded or not: what a whole domain has
// are thousands of lines.
func (c Launchctl) Screen(ctx context.Context, uid int, label string) (bool, error) {
	_, err := c.Print(ctx, GUI(uid), label)
	switch {
	case errors.Is(err, ErrNoDomain):
		return false, nil
	case errors.Is(err, ErrNotLoaded):
		return true, nil
	}
	return err == nil, err
}

// Disabled reports whether somebody has disabled the job. The answer is the same for each of a user's domains.
func (c Launchctl) Disabled(ctx context.Context, d Domain, label string) (bool, error) {
	text, err := c.run(ctx, "print-disabled", string(d), string(d))
	return parseDisabled(text, label), err
}

// Enable lets launchd load the job, Disable forbids it, also after the next boot. Neither starts or stops anything.
func (c Launchctl) Enable(ctx context.Context, d Domain, label string) error {
	_, err := c.run(ctx, "enable", d.Target(label), d.Target(label))
	return err
}

// Disable is the opposite of Enable.
func (c Launchctl) Disable(ctx context.Context, d Domain, label string) error {
	_, err := c.run(ctx, "disable", d.Target(label), d.Target(label))
	return err
}

// Kickstart starts a loaded job now, whatever launchd would wait for. One that runs is left alone.
func (c Launchctl) Kickstart(ctx context.Context, d Domain, label string) error {
	_, err := c.run(ctx, "kickstart", d.Target(label), d.Target(label))
	var said *Error
	if errors.As(err, &said) && said.Status == statusAlready { // it runs
		return nil
	}
	return err
}

// Kill sends a signal, such as "SIGHUP", to the job's process. Errors: ErrNotLoaded, also of one that does not run.
func (c Launchctl) Kill(ctx context.Context, d Domain, label, signal string) error {
	_, err := c.run(ctx, "kill", d.Target(label), signal, d.Target(label))
	return err
}
