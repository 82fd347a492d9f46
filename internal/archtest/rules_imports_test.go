package archtest

import (
	"strings"
)

// leaf is a package that other than the standard library imports only what is listed. "./x" is a package of this module.
type leaf struct {
	pkg     string
	imports []string
	why     string
}

var leaves = []leaf{
	{"service", nil, "the vocabulary knows no system, no logger and no command line, so that anything may import it"},
	{
		"pidfile",
		[]string{"./service", "./internal/proc", "./internal/safefile", "github.com/gofrs/flock"},
		"the lock decides who runs; it must not depend on how a daemon is run",
	},
	{"internal/safefile", []string{"golang.org/x/sys"}, "it is below everything that touches .apex/"},
	{"internal/proc", []string{"golang.org/x/sys"}, "a process is the system's, not ours"},
	{"internal/version", nil, "every command links it"},
}

// reserved is an import that only some packages may have.
type reserved struct {
	path string
	by   []string // packages, with what is below them; a pattern with '*' is the end of a file name
	why  string
}

var reservations = []reserved{
	{"./internal/cli", []string{"."}, "the command line is on top"},
	{"./backends", []string{"internal/cli"}, "a backend is chosen by the command line alone"},
	{"./install", []string{"internal/cli"}, "it brings kardianos/service, whose init probes the machine"},
	{"./internal/supervise", []string{"internal/cli", "backends"}, "the daemon's side is reached by being executed"},
	{"./e2e", []string{"e2e"}, "tests of the product are not in it"},
	{"github.com/spf13/cobra", []string{"internal/cli"}, "one place knows about flags"},
	{"github.com/spf13/pflag", []string{"internal/cli"}, "one place knows about flags"},
	{"github.com/sirupsen/logrus", []string{"internal/logging", "internal/cli"}, "others return what happened or take a narrow interface"},
	{"github.com/kardianos/service", []string{"install"}, "its detection and status are not ours (docs/design.md); it registers and hosts, no more"},
	{"github.com/coreos/go-systemd", []string{"internal/notify", "internal/journal", "internal/systemd"}, "only they talk to systemd"},
	{"howett.net/plist", []string{"internal/plist"}, "it brings encoding/xml, and refuses nothing"},
	{"./internal/plist", []string{"*_launchd.go", "e2e"}, "encoding/xml costs every command that links it: only a system with launchd does"},
	{"golang.org/x/sys/windows", []string{"*_windows.go", "*_windows_test.go"}, "files of other systems hold no Windows"},
	{
		"net/http",
		[]string{"service/servicetest", "e2e"},
		"its initialisation costs every command half a millisecond and every daemon memory; tests may have it",
	},
	{"text/template", nil, "it switches off the linker's dead-code elimination; render with strings.Builder"},
	{"html/template", nil, "as text/template"},
	{"log", nil, "a library returns errors; the command line prints them"},
	{"crypto/tls", nil, "as net/http"},
	{"testing", []string{"e2e", "service/servicetest", "internal/testenv"}, "it registers flags and is not for programs"},
}

// mayImport reports whether r lets f have the import.
func (r reserved) mayImport(f file) bool {
	for _, by := range r.by {
		if end, ok := strings.CutPrefix(by, "*"); ok {
			if strings.HasSuffix(f.path, end) {
				return true
			}
			continue
		}
		if f.pkg == by || by != "." && within(f.pkg, by) {
			return true
		}
	}
	return within("./"+f.pkg, r.path) // a package's own parts
}

// checkLeaves finds imports that a leaf must not have. Tests may have more: they are not linked.
func checkLeaves(files []file, rules []leaf) []string {
	var bad []string
	for _, f := range files {
		for _, l := range rules {
			if f.pkg != l.pkg || f.test {
				continue
			}
			for name, spec := range f.imports() {
				if !standard(name) && !withinAny(name, l.imports) {
					bad = append(bad, problem(f.at(spec), "%s must not import %s: %s", l.pkg, name, l.why))
				}
			}
		}
	}
	return bad
}

// checkReservations finds imports that belong to other packages. Tests may have them, but for those of one system's.
func checkReservations(files []file, rules []reserved) []string {
	var bad []string
	for _, f := range files {
		for name, spec := range f.imports() {
			for _, r := range rules {
				if within(name, r.path) && !r.mayImport(f) && (!f.test || strings.HasPrefix(r.path, "golang.org/x/sys/")) {
					bad = append(bad, problem(f.at(spec), "only %v may import %s: %s", r.by, name, r.why))
				}
			}
		}
	}
	return bad
}
