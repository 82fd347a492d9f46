package cli

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// serviceRequest completes r for Windows.
func (a *app) serviceRequest(r install.Request, c *config.Config, o installFlags) (install.Request, []string, error) {
	switch o.service.Start {
	case "", winsvc.Automatic, winsvc.Delayed, winsvc.Manual:
	default:
		return r, nil, usageError("--start-type "+quote(string(o.service.Start)), "it is auto, delayed or manual")
	}
	r.Service = o.service
	if o.password {
		password, err := readPassword(a.in)
		if err != nil {
			return r, nil, err
		}
		r.Service.Password = password
	}
	name := service.RegistrationName(c.Spec.Project, c.Spec.Name)
	r.User = winsvc.Account(o.runAs, name)
	s := install.SurroundService(os.Environ())
	r.Path = s.Path
	warnings := append(c.Warnings, s.Warnings...)
	if len(c.Spec.Command) > 0 {
		program, err := supervise.FindCommand(c.Spec, []string{"PATH=" + r.Path, "PATHEXT=" + os.Getenv("PATHEXT")})
		if err != nil {
			warnings = append(warnings, "the workload will not start: "+err.Error())
		} else {
			r.Programs = []string{program}
		}
	}
	return r, warnings, install.CheckWriters(r.User, withReal(slices.Concat([]string{r.Exec, r.Spec.Project}, r.Programs, c.Files)))
}

// withReal adds where the links among paths lead to: who may change either may change what is run.
func withReal(paths []string) []string {
	for _, p := range slices.Clone(paths) {
		if real, err := filepath.EvalSymlinks(p); err == nil && real != p {
			paths = append(paths, real)
		}
	}
	return paths
}

// maxPassword is longer than Windows lets one be.
const maxPassword = 1 << 10

// readPassword reads the first line of in.
func readPassword(in io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxPassword))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", usageError("--password-stdin: there is no password on standard input", "")
	}
	return line, nil
}
