package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// defineAll defines the flag by which a command is about every daemon of the project.
func defineAll(cmd *cobra.Command, all *bool, what string) {
	cmd.Flags().BoolVarP(all, "all", "a", false, what)
}

// members are the daemons of one project.
type members struct {
	configured []string // in the order of the file
	others     []string // not configured, in the index, and running or failed; by name. Another tool's PID file in .apex is nobody's business here
	broken     error    // the configuration cannot be read: then all that run or have failed are others
}

func (m members) all() []string { return slices.Concat(m.configured, m.others) }

// members finds those of the project that the flags name. With --all no flag or variable may choose one of them, or give them one place.
func (a *app) members(cmd *cobra.Command, args []string) (members, error) {
	var m members
	for _, f := range []struct{ name, value string }{{"--name", a.name}, {"--pid-file", a.pidFile}, {"--log-file", a.logFile}} {
		if f.value != "" {
			return m, usageError("--all and "+f.name+" exclude each other", "--all is about every daemon of the project")
		}
	}
	if len(args) > 0 {
		return m, usageError("--all and a command exclude each other", "the commands of all are in .apex/config.yaml; for one daemon: apexd "+cmd.Name()+" --name NAME -- "+args[0]+" …")
	}
	t, missing := a.find()
	if missing == nil {
		m.configured, m.broken = config.Configured(t.in)
	} else if !errors.Is(missing, fs.ErrNotExist) {
		return m, missing
	}
	for _, name := range indexed(t) {
		if slices.Contains(m.configured, name) {
			continue
		}
		other, err := a.one(name, nil).findLeft()
		switch {
		case err != nil && missing == nil:
			return m, err
		case err == nil && (other.gone != nil || backends.Status(cmd.Context(), other.Ref, name).State != service.StateStopped):
			m.others = append(m.others, name)
		}
	}
	if len(m.others) == 0 && missing != nil {
		return m, missing
	}
	return m, a.apart(m.all())
}

// apart refuses names of which two have one record: of the second, that of the first would be told.
func (a *app) apart(names []string) error {
	owner := map[string]string{}
	for _, name := range names {
		t, err := a.one(name, nil).findLeft()
		if err != nil {
			return err
		}
		if first, taken := owner[t.Ref.Path]; taken {
			return &service.Error{
				Op: "tell the daemons " + first + " and " + name + " apart", Code: service.CodeConfigInvalid, Path: t.Ref.Path,
				Err: errors.New("both have this record"), Hint: "give one of them another pidFile, and unset APEX_PID_FILE",
			}
		}
		owner[t.Ref.Path] = name
	}
	return nil
}

// indexed are the names of the daemons of t's project that the user's index knows.
func indexed(t target) []string {
	var names []string
	entries, _ := pidfile.Entries(t.Ref.StateDir) // one that cannot be read has no names
	for _, e := range entries {
		if e.Project == t.in.Project {
			names = append(names, e.Name)
		}
	}
	return usable(names)
}

// usable are those of names that a daemon can have, sorted, each once.
func usable(names []string) []string {
	names = slices.DeleteFunc(names, func(name string) bool { return service.CheckName(name) != nil })
	slices.Sort(names)
	return slices.Compact(names)
}

// one is a for the daemon called name of the same project. With --json its answers go to answers, if that is not nil.
func (a *app) one(name string, answers *[]map[string]any) *app {
	one := *a
	one.name, one.answers = name, answers
	return &one
}

// each has do be done for every one of names, one after the other, also after one has failed, until somebody interrupts it. What is printed says which it is about; with --json
// it is one object, whose "daemons" are the answers in this order, with a "name" each. The error has the highest exit status of all, or is context.Canceled where some were left out.
func (a *app) each(cmd *cobra.Command, names []string, do func(*app) error) error {
	ctx, cancel := interruptible(cmd)
	defer cancel()
	cmd.SetContext(ctx)
	worst, answers := exitDone, []map[string]any{}
	var interrupted error
	for _, name := range names {
		if interrupted = ctx.Err(); interrupted != nil {
			break
		}
		one := a.one(name, &answers)
		worst = max(worst, one.exit(do(one)))
	}
	if a.json {
		if err := a.printJSON(map[string]any{"daemons": answers}); err != nil {
			return err
		}
	}
	if interrupted == nil && worst != exitDone {
		return statusError(worst)
	}
	return interrupted
}

// collect keeps the answer v for each.
func (a *app) collect(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var answer map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", a.name, err)
	}
	answer["name"] = a.name
	*a.answers = append(*a.answers, answer)
	return nil
}

// speaker is what stands before a line that is about one of several daemons.
func (a *app) speaker() string {
	if a.answers == nil {
		return "apexd: "
	}
	return "apexd: " + a.name + ": "
}

// tellBroken warns where not all can be known.
func (a *app) tellBroken(m members) {
	if m.broken != nil {
		a.warn(m.broken.Error() + "; those that run or have failed are all that is known")
	}
}

// startAll starts those of the project that do not run.
func (a *app) startAll(cmd *cobra.Command, args []string) error {
	m, err := a.members(cmd, args)
	if err := cmp.Or(err, m.broken); err != nil {
		return err
	}
	return a.each(cmd, m.configured, func(one *app) error {
		t, err := one.find()
		if err != nil {
			return err
		}
		err = one.start(cmd, t, nil, service.Registration{})
		var running *service.Error
		if errors.Is(err, service.ErrAlreadyRunning) && errors.As(err, &running) {
			return one.answer(map[string]any{"pid": running.PID, "alreadyRunning": true}, "%s runs already (PID %d)", one.name, running.PID)
		}
		return err
	})
}

// restartAll restarts those that are configured, and starts those of them that do not run.
func (a *app) restartAll(cmd *cobra.Command, args []string) error {
	m, err := a.members(cmd, args)
	if err := cmp.Or(err, m.broken); err != nil {
		return err
	}
	return a.each(cmd, m.configured, func(one *app) error { return one.restart(cmd, nil, service.Registration{}) })
}

// stopAll stops all, in the reverse order, those that are not configured first.
func (a *app) stopAll(cmd *cobra.Command, o service.StopOptions) error {
	m, err := a.members(cmd, nil)
	if err != nil {
		return err
	}
	a.tellBroken(m) // it must not keep anybody from stopping
	names := m.all()
	slices.Reverse(names)
	return a.each(cmd, names, func(one *app) error { return one.stop(cmd, o) })
}

// reloadAll reloads those that run: the others read their configuration when they start.
func (a *app) reloadAll(cmd *cobra.Command) error {
	m, err := a.members(cmd, nil)
	if err != nil {
		return err
	}
	if m.broken != nil {
		return m.broken
	}
	return a.each(cmd, m.all(), func(one *app) error {
		err := one.reload(cmd)
		if errors.Is(err, service.ErrNotRunning) {
			return one.answer(map[string]bool{"reloaded": false}, "%s does not run", one.name)
		}
		return err
	})
}

// statusAll tells how all are.
func (a *app) statusAll(cmd *cobra.Command, ready bool) error {
	m, err := a.members(cmd, nil)
	if err != nil {
		return err
	}
	a.tellBroken(m)
	names := m.all()
	return a.each(cmd, names, func(one *app) error {
		if one.name != names[0] {
			one.say("")
		}
		return one.cannotTell(one.status(cmd.Context(), false, ready))
	})
}
