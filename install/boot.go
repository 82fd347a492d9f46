package install

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// boot is how a machine is told which scripts it starts. Its methods look and change at once; what changes must not be called twice at a time.
type boot interface {
	// look says what there is of the script called name.
	look(name string) booted
	// do carries out verb.
	do(ctx context.Context, verb rcVerb, name string) error
	// forget leaves nothing of name; script is whether that is still there.
	forget(ctx context.Context, name string, script bool) error
	// restore makes it be again as it was.
	restore(ctx context.Context, name string, was booted) error
	// shown is verb as one would type it.
	shown(verb rcVerb, name string) string
	// starts is what must hold of a script that is started, for people.
	starts() string
	// lacks says why nothing would ever be started.
	lacks() error
}

// booted is what starts a script.
type booted struct {
	enabled bool
	links   []sysv.Link
	value   string // of its variable in rc.conf, "" where that is not set
}

// any reports whether there is anything at all, if only what keeps it from being started.
func (b booted) any() bool { return len(b.links) > 0 || b.value != "" }

// levels are the runlevels of System V.
type levels struct {
	layout sysv.Layout
	tool   rcTool
	ask    func(ctx context.Context, argv ...string) error
}

func (l levels) look(name string) booted {
	links := l.layout.Links(name)
	return booted{enabled: sysv.Enabled(links), links: links}
}

func (l levels) forget(ctx context.Context, name string, script bool) error {
	var err error
	if len(l.layout.Links(name)) > 0 && (script || l.tool == rcUpdate) { // the other tools do not know a script that is not there
		err = l.do(ctx, rcRemove, name)
	}
	return errors.Join(err, removeLinks(l.layout.Links(name), every))
}

func (l levels) restore(ctx context.Context, name string, was booted) error {
	var err error
	if !was.any() && len(l.layout.Links(name)) > 0 {
		err = l.do(ctx, rcRemove, name)
	}
	return errors.Join(err, restoreStarts(l.layout.Links(name), was.links))
}

func (l levels) shown(verb rcVerb, name string) string { return l.tool.shown(verb, name) }

func (levels) starts() string { return "a runlevel from 2 to 5 starts it" }

func (l levels) lacks() error {
	if l.tool == "" && len(l.layout.Runlevels('2'))+len(l.layout.Runlevels('3')) == 0 {
		return errNoLevels
	}
	return nil
}

// flat are the links of an init without runlevels: BusyBox's rcS, or procd, whose "enable" makes the same.
type flat struct {
	layout sysv.Layout
	kind   service.Kind
}

func (f flat) look(name string) booted {
	links := f.layout.FlatLinks(f.kind, name)
	return booted{enabled: sysv.Enabled(links), links: links}
}

// do leaves the links that are wanted where they are, and removes the others: those that the library has put where nothing looks.
func (f flat) do(_ context.Context, verb rcVerb, name string) error {
	links := f.layout.FlatLinks(f.kind, name)
	if verb == rcDisable || verb == rcRemove {
		return removeLinks(links, func(l sysv.Link) bool { return l.Start || verb == rcRemove })
	}
	want, _ := f.layout.WantedLinks(f.kind, name) // lacks was asked before
	return restoreStarts(links, want)
}

func (f flat) forget(ctx context.Context, name string, _ bool) error {
	return f.do(ctx, rcRemove, name)
}

func (f flat) restore(_ context.Context, name string, was booted) error {
	return restoreStarts(f.layout.FlatLinks(f.kind, name), was.links)
}

func (f flat) shown(verb rcVerb, name string) string {
	if f.kind == service.KindProcd {
		return f.layout.Script(name) + map[rcVerb]string{rcAdd: " enable", rcEnable: " enable", rcDisable: " disable", rcRemove: " disable"}[verb]
	}
	want, ok := f.layout.WantedLinks(f.kind, name)
	switch {
	case !ok:
		return ""
	case verb == rcDisable || verb == rcRemove:
		return "rm " + want[0].Path
	}
	return "ln -s " + want[0].Target + " " + want[0].Path
}

func (flat) starts() string { return "a link in the order of the boot starts it" }

func (f flat) lacks() error {
	if _, ok := f.layout.WantedLinks(f.kind, "x"); !ok {
		return fmt.Errorf("%s/rcS goes through neither /etc/rc.d/S* nor %s/S*: nothing would start the script at boot", f.layout.Dir(), sysv.Scripts)
	}
	return nil
}

// rcConf is rc.conf(5) of FreeBSD, through sysrc(8).
type rcConf struct {
	layout sysv.Layout
	ask    func(ctx context.Context, argv ...string) error
}

func (c rcConf) look(name string) booted {
	value := c.layout.RCValue(sysv.RCVar(name))
	return booted{enabled: sysv.Truth(value), value: value}
}

// command is sysrc's for verb.
func (rcConf) command(verb rcVerb, name string) []string {
	variable := sysv.RCVar(name)
	switch verb {
	case rcDisable:
		return []string{"sysrc", variable + "=NO"}
	case rcRemove:
		return []string{"sysrc", "-x", variable}
	}
	return []string{"sysrc", variable + "=YES"}
}

func (c rcConf) do(ctx context.Context, verb rcVerb, name string) error {
	return c.ask(ctx, c.command(verb, name)...)
}

func (c rcConf) forget(ctx context.Context, name string, _ bool) error {
	return c.restore(ctx, name, booted{})
}

func (c rcConf) restore(ctx context.Context, name string, was booted) error {
	switch now := c.look(name); {
	case now.value == was.value:
		return nil
	case was.value == "":
		return c.do(ctx, rcRemove, name)
	}
	return c.ask(ctx, "sysrc", sysv.RCVar(name)+"="+was.value)
}

func (c rcConf) shown(verb rcVerb, name string) string {
	return strings.Join(c.command(verb, name), " ")
}

func (rcConf) starts() string { return "rc.conf says YES to it" }

func (rcConf) lacks() error { return nil }

// every is for removeLinks.
func every(sysv.Link) bool { return true }
