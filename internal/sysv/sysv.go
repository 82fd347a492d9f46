// Package sysv knows where a System V init, and those that are like it (procd, BusyBox's rcS, FreeBSD's rc), have their scripts and what starts them at boot, and which script apexd has made for
// whom. It reads; what changes anything is in install. All but one path is the same on every system, and tested there.
package sysv

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// Layout is a machine's directories. The zero value is this machine's.
type Layout struct {
	Root string // put before every path; tests have one
}

// Dir is the directory of init scripts.
func (l Layout) Dir() string { return l.Root + Scripts }

// Script is the path of the script called name.
func (l Layout) Script(name string) string { return l.Dir() + "/" + name }

// Link is one link by which a runlevel starts or stops a script.
type Link struct {
	Path   string
	Target string
	Level  byte // '0' to '6', 'S'
	Start  bool // S and not K
}

// Levels are the runlevels, in the order in which links are listed.
const Levels = "0123456S"

// Runlevels are the directories of links that there are for level: Debian's, Red Hat's (of which /etc/rc3.d are links), SUSE's.
func (l Layout) Runlevels(level byte) []string {
	var out []string
	for _, dir := range [...]string{"/etc/rc" + string(level) + ".d", "/etc/rc.d/rc" + string(level) + ".d", "/etc/init.d/rc" + string(level) + ".d"} {
		if fi, err := os.Lstat(l.Root + dir); err == nil && fi.IsDir() {
			out = append(out, l.Root+dir)
		}
	}
	return out
}

// Links are the links to the script called name. Directories that cannot be read have none.
func (l Layout) Links(name string) []Link {
	var out []Link
	for _, level := range []byte(Levels) {
		for _, dir := range l.Runlevels(level) {
			entries, _ := os.ReadDir(dir) // what cannot be read has no links that could be told
			for _, e := range entries {
				if start, ok := linkOf(e.Name(), name); ok {
					to, _ := os.Readlink(path.Join(dir, e.Name())) // a file has no target
					out = append(out, Link{path.Join(dir, e.Name()), to, level, start})
				}
			}
		}
	}
	return out
}

// linkOf reports whether file is "S20name" or "K20name", and which.
func linkOf(file, name string) (start, ok bool) {
	rest, found := strings.CutSuffix(file, name)
	if !found || len(rest) != 3 || rest[0] != 'S' && rest[0] != 'K' {
		return false, false
	}
	_, err := strconv.ParseUint(rest[1:], 10, 8)
	return rest[0] == 'S', err == nil
}

// Enabled reports whether links start their script in a runlevel in which a machine works: 2 to 5.
func Enabled(links []Link) bool {
	return slices.ContainsFunc(links, func(l Link) bool { return l.Start && l.Level >= '2' && l.Level <= '5' })
}

// Mark is what a script of ours says of itself, in comments, which no shell interprets.
type Mark struct {
	Kind    string // the manager that it was made for: "sysv", "runit"
	Project string
	Name    string
	PIDFile string // as --pid-file; "" is the place in .apex
	User    string // whom the daemon runs as; "" where the script does not say
	Program string // the apexd that it runs; "" as before
}

const markSchema = "1"

// String is the lines of m, each of which ends with a newline.
func (m Mark) String() string {
	s := "# X-Apexd-Schema: " + markSchema + "\n# X-Apexd-Kind: " + m.Kind + "\n# X-Apexd-Project: " + strconv.QuoteToASCII(m.Project) + "\n# X-Apexd-Name: " + m.Name + "\n"
	for _, more := range []struct{ key, value string }{{"Pid-File", m.PIDFile}, {"User", m.User}, {"Program", m.Program}} {
		if more.value != "" {
			s += "# X-Apexd-" + more.key + ": " + strconv.QuoteToASCII(more.value) + "\n"
		}
	}
	return s
}

// ParseMark reads what String wrote out of a script. It reports false for one that apexd has not made.
func ParseMark(script string) (Mark, bool) {
	var (
		m      Mark
		schema string
		err    error
	)
	for line := range strings.Lines(script) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if key, ours := strings.CutPrefix(key, "# X-Apexd-"); ok && ours && err == nil {
			switch key {
			case "Schema":
				schema = value
			case "Kind":
				m.Kind = value
			case "Name":
				m.Name = value
			case "Project":
				m.Project, err = strconv.Unquote(value)
			case "Pid-File":
				m.PIDFile, err = strconv.Unquote(value)
			case "User":
				m.User, err = strconv.Unquote(value)
			case "Program":
				m.Program, err = strconv.Unquote(value)
			}
		}
	}
	return m, err == nil && schema != "" && m.Kind != "" && m.Project != "" && m.Name != ""
}

// maxScript bounds what is read of a script.
const maxScript = 1 << 20

// ReadMark is the mark of the file at path; false where there is none, or no file.
func ReadMark(path string) (Mark, bool) {
	text, _, err := safefile.Read(path, maxScript)
	if err != nil {
		return Mark{}, false
	}
	return ParseMark(string(text))
}
