package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/sysv"
)

// rcTool is the program by which a distribution makes and removes the links of init scripts, in an order that their headers ask for. The zero value is none, where links are
// made by hand.
type rcTool string

// The tools, in the order in which they are preferred: each calls the next, or keeps books of its own that the next would not know of.
const (
	rcUpdate    rcTool = "update-rc.d" // Debian and what comes of it: update-rc.d(8)
	rcChkconfig rcTool = "chkconfig"   // Red Hat, SUSE: chkconfig(8)
	rcInsserv   rcTool = "insserv"     // insserv(8)
)

// findTool is the tool that this machine has.
func findTool(lookPath func(string) (string, error)) rcTool {
	for _, t := range [...]rcTool{rcUpdate, rcChkconfig, rcInsserv} {
		if _, err := lookPath(string(t)); err == nil {
			return t
		}
	}
	return ""
}

// What a tool is asked.
type rcVerb int

const (
	rcAdd     rcVerb = iota // make the script known, with the links that it asks for
	rcEnable                // have it started at boot
	rcDisable               // and not
	rcRemove                // before the script is removed
)

// command is the command line for verb. It is nil where the tool has none, as without a tool.
func (t rcTool) command(verb rcVerb, name string) []string {
	switch t {
	case rcUpdate:
		return [][]string{
			{"update-rc.d", name, "defaults"}, {"update-rc.d", name, "enable"}, {"update-rc.d", name, "disable"}, {"update-rc.d", "-f", name, "remove"},
		}[verb]
	case rcChkconfig:
		return [][]string{{"chkconfig", "--add", name}, {"chkconfig", name, "on"}, {"chkconfig", name, "off"}, {"chkconfig", "--del", name}}[verb]
	case rcInsserv:
		return [][]string{{"insserv", name}, {"insserv", name}, {"insserv", "--remove", name}, {"insserv", "--remove", name}}[verb]
	}
	return nil
}

// shown is the command as one would type it.
func (t rcTool) shown(verb rcVerb, name string) string {
	if argv := t.command(verb, name); argv != nil {
		return strings.Join(argv, " ")
	}
	return map[rcVerb]string{
		rcAdd: "ln -s ../init.d/" + name + " /etc/rc[2-5].d/S90" + name, rcEnable: "ln -s ../init.d/" + name + " /etc/rc[2-5].d/S90" + name,
		rcDisable: "rm /etc/rc[2-5].d/S??" + name, rcRemove: "rm /etc/rc?.d/[SK]??" + name,
	}[verb]
}

// errNoLevels is a machine without directories of links.
var errNoLevels = errors.New("there is neither update-rc.d, chkconfig or insserv nor a directory such as /etc/rc2.d: nothing would start the script at boot")

// do has the tool do verb for the script called name, or does it.
func (l levels) do(ctx context.Context, verb rcVerb, name string) error {
	if argv := l.tool.command(verb, name); argv != nil {
		return l.ask(ctx, argv...)
	}
	for _, level := range []byte("2345") {
		for _, dir := range l.layout.Runlevels(level) {
			if err := l.link(verb, dir, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// link makes or removes the link in one directory that starts the script called name.
func (l levels) link(verb rcVerb, dir, name string) error {
	starts := func(link sysv.Link) bool { return link.Start && filepath.Dir(link.Path) == dir }
	links := l.layout.Links(name)
	switch {
	case verb == rcDisable || verb == rcRemove:
		return removeLinks(links, starts)
	case slices.ContainsFunc(links, starts):
		return nil
	}
	return os.Symlink(l.layout.Script(name), filepath.Join(dir, "S90"+name))
}

// removeLinks removes those of links that are wanted gone.
func removeLinks(links []sysv.Link, gone func(sysv.Link) bool) error {
	var errs []error
	for _, link := range links {
		if gone(link) {
			if err := os.Remove(link.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// restoreStarts makes those of want of the links that there are.
func restoreStarts(links, want []sysv.Link) error {
	have := map[string]bool{}
	for _, w := range want {
		have[w.Path] = true
	}
	errs := []error{removeLinks(links, func(link sysv.Link) bool { return !have[link.Path] })}
	for _, w := range want {
		if _, err := os.Lstat(w.Path); errors.Is(err, fs.ErrNotExist) && w.Target != "" {
			errs = append(errs, os.Symlink(w.Target, w.Path))
		}
	}
	return errors.Join(errs...)
}

// runTool runs argv to its end. What it prints is in the error.
func runTool(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.WaitDelay = "/", time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
