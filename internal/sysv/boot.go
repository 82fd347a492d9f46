package sysv

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// The directories in which BusyBox's rcS and OpenWrt's procd have links to what they start: "S50name". Which of them an rcS goes through is its own affair.
const (
	flatDir   = "/etc/rc.d"
	flatStart = "S50"
	flatStop  = "K02"
)

// Kinds are the managers whose scripts do nothing but call apexd, all of them in Layout's directory.
func Kinds() []service.Kind {
	return []service.Kind{service.KindSysV, service.KindProcd, service.KindRCS, service.KindFreeBSD}
}

// Verb is the word by which a script of k's is called to do verb: rc(8) starts only what rc.conf(5) has enabled, but for a verb that begins with "one".
func Verb(k service.Kind, verb string) string {
	if k == service.KindFreeBSD {
		return "one" + verb
	}
	return verb
}

// Starts reports whether the manager k starts the script called name at boot.
func (l Layout) Starts(k service.Kind, name string) bool {
	switch k {
	case service.KindProcd, service.KindRCS:
		return Enabled(l.FlatLinks(k, name))
	case service.KindFreeBSD:
		return Truth(l.RCValue(RCVar(name)))
	}
	return Enabled(l.Links(name))
}

// FlatLinks are the links to the script called name where there are no runlevels. Each counts for runlevel 3, or, one that stops it, for 0.
func (l Layout) FlatLinks(k service.Kind, name string) []Link {
	var out []Link
	for _, dir := range l.FlatDirs(k) {
		entries, _ := os.ReadDir(dir) // what cannot be read has no links that could be told
		for _, e := range entries {
			if start, ok := linkOf(e.Name(), name); ok {
				link := Link{Path: path.Join(dir, e.Name()), Level: '0', Start: start}
				link.Target, _ = os.Readlink(link.Path) // a file has no target
				if start {
					link.Level = '3'
				}
				out = append(out, link)
			}
		}
	}
	return out
}

// FlatDirs are the directories in which links of k can be.
func (l Layout) FlatDirs(k service.Kind) []string {
	if k == service.KindRCS { // Buildroot has them beside the scripts
		return []string{l.Root + flatDir, l.Dir()}
	}
	return []string{l.Root + flatDir}
}

// WantedLinks are the links that start the script called name under k, and stop it. ok is false where nothing goes through a directory of links: /etc/init.d/rcS, a script of the machine's own
// that is all that BusyBox's init runs, is read for what it goes through.
func (l Layout) WantedLinks(k service.Kind, name string) (links []Link, ok bool) {
	dir := l.Root + flatDir
	if k == service.KindRCS {
		text, _, err := safefile.Read(l.Dir()+"/rcS", maxScript)
		switch {
		case err != nil:
			return nil, false
		case strings.Contains(string(text), flatDir+"/S"):
		case strings.Contains(string(text), Scripts+"/S"):
			dir = l.Dir()
		default:
			return nil, false
		}
	}
	target, err := filepath.Rel(dir, l.Script(name))
	if err != nil {
		return nil, false
	}
	links = []Link{{Path: path.Join(dir, flatStart+name), Target: target, Level: '3', Start: true}}
	if k == service.KindProcd {
		links = append(links, Link{Path: path.Join(dir, flatStop+name), Target: target, Level: '0'})
	}
	return links, true
}

// RCVar is the variable of rc.conf(5) that has FreeBSD start the script called name.
func RCVar(name string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(name) + "_enable"
}

// RCValue is what rc.conf(5) sets variable to, "" where it does not: the last word of the files that rc(8) reads, in its order.
func (l Layout) RCValue(variable string) string {
	value := ""
	for _, file := range []string{"/etc/rc.conf", "/etc/rc.conf.local", "/etc/rc.conf.d/" + strings.TrimSuffix(variable, "_enable")} {
		text, _, err := safefile.Read(l.Root+file, maxScript)
		if err == nil {
			value = cmp.Or(assigned(string(text), variable), value)
		}
	}
	return value
}

// assigned is the last value that the lines of text assign to variable: sh(1), of which sysrc(8) writes no more than this.
func assigned(text, variable string) string {
	value := ""
	for line := range strings.Lines(text) {
		key, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || key != variable {
			continue
		}
		v, _, _ = strings.Cut(v, "#")
		value = strings.Trim(strings.TrimSpace(v), `"'`)
	}
	return value
}

// Truth is rc.subr(8)'s checkyesno.
func Truth(value string) bool {
	return slices.Contains([]string{"yes", "true", "on", "1"}, strings.ToLower(value))
}
