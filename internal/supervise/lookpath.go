package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/service"
)

// errNoDir says that a workload has nowhere to run: execve(2) and its like would say that of the program.
var errNoDir = errors.New("cannot run in the working directory")

// checkDir reports why no process can run in dir, or nil.
func checkDir(dir string) error {
	if err := project.Searchable(dir); err != nil {
		return fmt.Errorf("%w %q: %w", errNoDir, dir, err)
	}
	return nil
}

// errNoProgram says that a command was not found.
var errNoProgram = errors.New("no such program")

// lookPath finds the program of a command: a path with a separator is relative to dir; a bare name is looked for in the PATH of the workload's own
// environment, whose relative elements are relative to dir too.
func lookPath(name, dir string, env []string) (string, error) {
	if filepath.Base(name) != name || name == "." || name == ".." {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return program(path, env)
	}
	var denied error
	for _, p := range filepath.SplitList(pathOf(env)) {
		if !filepath.IsAbs(p) {
			p = filepath.Join(dir, p)
		}
		path, err := program(filepath.Join(p, name), env)
		if err == nil {
			return path, nil
		}
		if errors.Is(err, fs.ErrPermission) && denied == nil {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", fmt.Errorf("%w as %q in PATH", errNoProgram, name)
}

// program finds the file that path means: itself, or on Windows one with an extension of PATHEXT.
func program(path string, env []string) (string, error) {
	err := fmt.Errorf("%w as %q", errNoProgram, path)
	names := spellings(path, env)
	for _, p := range names {
		e := checkProgram(p)
		if e == nil {
			return p, nil
		}
		if !errors.Is(e, errNoProgram) {
			err = e
		}
	}
	if slices.Contains(names, path) {
		return path, err
	}
	if e := checkProgram(path); e != nil && !errors.Is(e, errNoProgram) { // a directory
		err = e
	}
	return path, err
}

func checkProgram(path string) error {
	fi, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w as %q", errNoProgram, path)
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%q is a directory: %w", path, fs.ErrPermission)
	case !mayExecute(fi):
		return fmt.Errorf("%q is not executable: %w", path, fs.ErrPermission)
	}
	return nil
}

// CheckCommand reports why the workload of spec cannot be executed in this environment, or nil.
func CheckCommand(spec service.Spec) error {
	if len(spec.Command) == 0 {
		return nil
	}
	if err := checkDir(spec.Dir); err != nil {
		return err
	}
	_, err := FindCommand(spec, os.Environ())
	return err
}

// FindCommand is the file of the workload's program, where the daemon has the environment environ. spec has a command.
func FindCommand(spec service.Spec, environ []string) (string, error) {
	return lookPath(spec.Command[0], spec.Dir, lastWins(slices.Concat(environ, spec.Env)))
}
