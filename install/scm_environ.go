package install

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// SurroundService takes out of a shell's environment what a Windows service keeps of it.
func SurroundService(environ []string) Surroundings {
	var s Surroundings
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		switch key = strings.ToUpper(key); {
		case key == "PATH":
			s.windowsPath(value)
		case strings.HasPrefix(key, "APEX_") && value != "" && key != "APEX_PROJECT_PATH" && key != "APEX_DAEMON_NAME":
			s.Warnings = append(s.Warnings, "the daemon will not see "+key+", which is set in this shell: put the setting into .apex/config.yaml")
		}
	}
	return s
}

// windowsPath keeps the absolute directories: a relative one would mean another directory in a service.
func (s *Surroundings) windowsPath(value string) {
	var keep []string
	for dir := range strings.SplitSeq(value, ";") {
		dir = strings.Trim(dir, `"`)
		absolute := len(dir) > 2 && dir[1] == ':' && (dir[2] == '\\' || dir[2] == '/') || strings.HasPrefix(dir, `\\`)
		switch {
		case dir == "":
		case !absolute:
			s.Warnings = append(s.Warnings, fmt.Sprintf("PATH without %q: only absolute directories go into it", dir))
		case !slices.Contains(keep, dir):
			keep = append(keep, dir)
		}
	}
	s.Path = strings.Join(keep, ";")
}

// CheckWriters refuses a privileged account for a daemon of which others can change one of paths, absolute ones: apexd, the workload's program, the project, the configuration.
// They would become that account. Errors: INSTALL_FAILED.
func CheckWriters(account string, paths []string) error {
	return checkWriters(account, paths, securityOf)
}

func checkWriters(account string, paths []string, securityOf func(string) (string, error)) error {
	if !winsvc.Privileged(account) {
		return nil
	}
	for _, p := range paths {
		rights := uint32(winsvc.OfFile | winsvc.OfDir)
		for ; ; rights = winsvc.OfParent {
			sddl, err := securityOf(p)
			if err != nil {
				return err
			}
			if who := winsvc.Writer(sddl, rights); who != "" {
				return &service.Error{
					Op: "run the daemon as " + account, Code: service.CodeInstallFailed, Path: p,
					Err:  errors.New(who + " may change " + p + ", and could then do whatever " + account + " may"),
					Hint: "leave out --run-as: the service's own account may do little; or take the right away: icacls " + p,
				}
			}
			up := windowsDir(p)
			if up == p {
				break
			}
			p = up
		}
	}
	return nil
}

// windowsDir is the directory that p is in, p itself for a root ("C:\", "\\server\share").
func windowsDir(p string) string {
	i := strings.LastIndexAny(p, `\/`)
	switch {
	case i < 0, i == len(p)-1, strings.HasPrefix(p, `\\`) && strings.Count(p, `\`) <= 3:
		return p
	case i == 2 && p[1] == ':':
		return p[:3]
	}
	return p[:i]
}
