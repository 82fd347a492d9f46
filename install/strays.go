package install

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Stray is a unit of apexd's whose project is gone.
type Stray struct{ Definition, Project, Name string }

// Strays are those in dir, a directory with units of systemd's, in the order of their names. What cannot be read is none.
func Strays(dir string) []Stray {
	units, _ := filepath.Glob(filepath.Join(escapeGlob(dir), "apex-*.service")) // the pattern is well formed
	var found []Stray
	for _, path := range units {
		what, text, err := look(path)
		if err != nil || what != standsFile {
			continue
		}
		o, ours := ownerOf(text)
		if !ours {
			continue
		}
		if _, err := os.Lstat(o.project); errors.Is(err, fs.ErrNotExist) {
			found = append(found, Stray{path, o.project, o.name})
		}
	}
	return found
}

// UnitOwner is the daemon that the text of a unit says it was made for; false where apexd has not made it.
func UnitOwner(text string) (project, name string, ours bool) {
	o, ours := ownerOf(text)
	return o.project, o.name, ours
}

// UnitFacts is what a unit of ours says of how it was registered.
type UnitFacts struct {
	User    string // "" where it does not say
	Program string // what it executes, "" where it cannot be told
}

// ReadUnit reads the text of a .service unit.
func ReadUnit(text string) UnitFacts {
	var f UnitFacts
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		switch key {
		case "User":
			f.User = value
		case "ExecStart":
			f.Program = programOf(value)
		}
	}
	return f
}

// programOf is the first word of a command line that commandLine has written: no quote is in it.
func programOf(exec string) string {
	exec = strings.TrimPrefix(exec, "@")
	end := " "
	if strings.HasPrefix(exec, `"`) {
		exec, end = exec[1:], `"`
	}
	word, _, _ := strings.Cut(exec, end)
	return strings.ReplaceAll(word, "%%", "%")
}
