package systemd

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Facts are what a manager says of itself.
type Facts struct {
	Version  int      // 252
	UnitPath []string // where it looks for units, first wins: systemd.unit(5)
}

// check refuses what cannot be planned with. said is the version in the manager's own words.
func (f Facts) check(said string) (Facts, error) {
	if f.Version == 0 || len(f.UnitPath) == 0 {
		return f, fmt.Errorf("the manager does not say its version and unit path, but %q and %q", said, f.UnitPath)
	}
	return f, nil
}

// Unit is what systemd says of one unit (org.freedesktop.systemd1(5)). Names and values are the manager's own; "" and 0 are what it did not say.
type Unit struct {
	LoadState     string // loaded, not-found, bad-setting, error, masked
	LoadError     string
	ActiveState   string // active, reloading, inactive, failed, activating, deactivating, maintenance
	SubState      string // running, auto-restart, stop-sigterm, dead, …
	UnitFileState string // enabled, disabled, static, masked, …
	Restart       string // the policy: no, on-failure, always, …
	Result        string // success, exit-code, signal, timeout, watchdog, start-limit-hit, …
	FragmentPath  string
	MainPID       int
	Restarts      int       // NRestarts: since the unit was last started or reset
	ExitCode      int       // ExecMainCode: how the main process ended, as waitid(2)'s si_code
	ExitStatus    int       // ExecMainStatus: with what status, or by which signal
	NeedsReload   bool      // in systemd's own opinion; see Stale
	DropIns       []string  // that were read
	TriggeredBy   []string  // units that start it, such as sockets
	Since         time.Time // of ActiveState active; zero where it is not
}

// Stale reports whether systemd has yet to read what is on the disk of u. By itself it does not notice the first drop-in, since it remembers which directories
// there are; one beside the unit is looked for here.
func (u Unit) Stale() bool {
	if u.NeedsReload || u.FragmentPath == "" {
		return u.NeedsReload
	}
	dir := u.FragmentPath + ".d"
	files, _ := os.ReadDir(dir) // without one there are none
	return slices.ContainsFunc(files, func(f os.DirEntry) bool {
		return strings.HasSuffix(f.Name(), ".conf") && !slices.Contains(u.DropIns, dir+"/"+f.Name())
	})
}

// properties are those that a Unit is made of, of the interfaces Unit, Service and Socket.
var properties = [...]string{
	"LoadState", "LoadError", "ActiveState", "SubState", "UnitFileState", "Restart", "Result", "FragmentPath", "MainPID", "NRestarts", "ExecMainCode",
	"ExecMainStatus", "NeedDaemonReload", "DropInPaths", "TriggeredBy", "ActiveEnterTimestamp",
}

// unitOf makes a Unit of what get says of each of properties, as text; "" is nothing.
func unitOf(get func(property string) string) Unit {
	number := func(p string) int {
		n, _ := strconv.Atoi(get(p)) // what is no number was not said
		return n
	}
	return Unit{
		LoadState: get("LoadState"), LoadError: strings.TrimSpace(get("LoadError")), ActiveState: get("ActiveState"), SubState: get("SubState"),
		UnitFileState: get("UnitFileState"), Restart: get("Restart"), Result: get("Result"), FragmentPath: get("FragmentPath"), MainPID: number("MainPID"),
		Restarts: number("NRestarts"), ExitCode: number("ExecMainCode"), ExitStatus: number("ExecMainStatus"),
		NeedsReload: get("NeedDaemonReload") == "yes", DropIns: strings.Fields(get("DropInPaths")), TriggeredBy: strings.Fields(get("TriggeredBy")), Since: instant(get("ActiveEnterTimestamp")),
	}
}

// maxUnix is the last second of the year 9999. JSON has no later time (RFC 3339, 5.6), and no machine was up then.
const maxUnix = 253402300799

// instant reads "@SECONDS", as systemctl --timestamp=unix writes it, or microseconds, as D-Bus has it; 0 is no time.
func instant(s string) time.Time {
	sec, unix := strings.CutPrefix(s, "@")
	n, err := strconv.ParseInt(sec, 10, 64)
	switch {
	case err != nil || n <= 0 || unix && n > maxUnix || n/1e6 > maxUnix:
		return time.Time{}
	case unix:
		return time.Unix(n, 0)
	}
	return time.UnixMicro(n)
}

// text is a property's value as systemctl show writes it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case []string:
		return strings.Join(v, " ")
	case []any: // LoadError: its name and message
		if len(v) == 2 {
			return text(v[1])
		}
		return ""
	}
	return fmt.Sprint(v)
}

// parseShow reads the KEY=value lines of systemctl show.
func parseShow(out string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(out) {
		if k, v, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			m[k] = v
		}
	}
	return m
}

// parseVersion reads "252", "252.38-1~deb12u1", "systemd 252 (252.38)"; 0 is not a version.
func parseVersion(s string) int {
	n := 0
	s = strings.TrimPrefix(s, "systemd ")
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<20 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}
