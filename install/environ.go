package install

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Surroundings is what a daemon under a manager keeps of the shell that installs it.
type Surroundings struct {
	Path     string   // PATH, without what a unit cannot carry or what means another directory elsewhere
	Env      []string // where files are: XDG_STATE_HOME, XDG_CONFIG_HOME
	Warnings []string // what will not be there later, or not at all
}

// Surround takes what matters out of a shell's environment. own says that the daemon runs as the user of this shell. command is the workload's program, "" for the
// built-in server; found says where a PATH leads to, or "".
func Surround(environ []string, own bool, command string, found func(path string) string) Surroundings {
	var s Surroundings
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		switch {
		case key == "PATH":
			s.path(value)
		case key == "XDG_STATE_HOME" || key == "XDG_CONFIG_HOME":
			if own && path.IsAbs(value) {
				s.Env = append(s.Env, kv)
			}
		case strings.HasPrefix(key, "APEX_") && value != "" && !slices.Contains([]string{"APEX_PROJECT_PATH", "APEX_DAEMON_NAME"}, key):
			s.Warnings = append(s.Warnings, "the daemon will not see "+key+", which is set in this shell: put the setting into .apex/config.yaml")
		}
	}
	s.program(command, found)
	return s
}

func (s *Surroundings) path(value string) {
	var keep []string
	for _, dir := range strings.Split(value, ":") {
		if _, err := assignment("PATH=" + dir); err != nil || !path.IsAbs(dir) {
			s.Warnings = append(s.Warnings, fmt.Sprintf("PATH without %q: only absolute directories of plain text go into it", dir))
			continue
		}
		if !slices.Contains(keep, dir) {
			keep = append(keep, dir)
		}
	}
	s.Path = strings.Join(keep, ":")
}

// program says what may be wrong with the workload's program tomorrow.
func (s *Surroundings) program(command string, found func(string) string) {
	if command == "" {
		return
	}
	file := found(s.Path)
	switch why := fleeting(file); {
	case file == "":
		s.Warnings = append(s.Warnings, fmt.Sprintf("no %q in the daemon's PATH: it will not start", command))
	case why != "":
		s.Warnings = append(s.Warnings, fmt.Sprintf("%q is %s: install again when it moves", file, why))
	}
}

// fleeting says why the file at p may be gone tomorrow, or is "".
func fleeting(p string) string {
	for _, d := range []struct{ part, why string }{
		{"/.nvm/versions/", "nvm's, one version's"},
		{"/.fnm/", "fnm's, one version's"},
		{"/fnm_multishells/", "fnm's, this shell's"},
		{"/.volta/tools/image/", "volta's, one version's"},
		{"/.asdf/installs/", "asdf's, one version's"},
		{"/.pyenv/versions/", "pyenv's, one version's"},
		{"/.rbenv/versions/", "rbenv's, one version's"},
		{"/.local/share/mise/installs/", "mise's, one version's"},
		{"/venv/bin/", "in a virtual environment"},
		{"/.venv/bin/", "in a virtual environment"},
		{"/go-build", "what `go run` made"},
		{"/nix/store/", "in the Nix store, where garbage is collected"},
		{"/Cellar/", "Homebrew's, one version's"},
	} {
		if strings.Contains(p, d.part) {
			return d.why
		}
	}
	for _, d := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run"} {
		if below(p, d) {
			return "in a temporary directory"
		}
	}
	return ""
}

// ProgramWarning says why the apexd at p is a poor choice for a unit, or is "".
func ProgramWarning(p string) string {
	if why := fleeting(p); why != "" {
		return fmt.Sprintf("the unit runs %q, which is %s: put apexd where it stays", p, why)
	}
	return ""
}
