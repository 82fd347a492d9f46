// Package project says which directory is the project, where the files of its daemons are, and what they are called elsewhere. It reads
// directory entries and never the content of a file, and it changes nothing.
package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// DirName is the directory of a project that holds all state.
const DirName = safefile.DirName

// How Find found the project.
const (
	SourceFlag     = "--project"
	SourceEnv      = "APEX_PROJECT_PATH"
	SourceAncestor = "ancestor" // a directory above the current one has a configuration or a record
	SourceCwd      = "cwd"      // the current directory
)

// Find says which directory is the project: flag, else APEX_PROJECT_PATH, else the nearest of cwd and the directories above it that has
// .apex/config.yaml or a record in .apex, else cwd. The result is a real path. home, "/" and directories such as /tmp in which anybody may
// make a .apex count only when they are cwd itself. cwd may be "" (it was deleted) where flag or the variable is an absolute path.
//
// Errors: *service.Error with CONFIG_INVALID (missing, or not a directory) or PERMISSION_DENIED, and a hint. Where the directory is missing, which matches
// fs.ErrNotExist, dir is its path all the same, without links as far as it exists: a daemon may have outlived it.
func Find(flag string, env func(string) string, cwd, home string) (dir, source string, err error) {
	if flag != "" {
		dir, err = resolve(flag, cwd, SourceFlag)
		return dir, SourceFlag, err
	}
	if path := env(SourceEnv); path != "" {
		dir, err = resolve(path, cwd, SourceEnv)
		return dir, SourceEnv, err
	}
	start, err := resolve(cwd, cwd, SourceCwd)
	if err != nil {
		return "", SourceCwd, err
	}
	if dir := nearest(start, home); dir != "" && dir != start {
		return dir, SourceAncestor, nil
	}
	return start, SourceCwd, nil
}

// CheckDir reports why the .apex of project cannot be used, or nil; that it is missing is no reason. A clone may carry a symbolic link
// of that name, which would have us read and write somewhere else. Errors: *service.Error with CONFIG_INVALID or PERMISSION_DENIED.
func CheckDir(project string) error {
	path := filepath.Join(project, DirName)
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && fi.Mode()&fs.ModeSymlink != 0:
		return unusable(path, service.CodeConfigInvalid, errors.New("it is a symbolic link, which would put the daemon's files somewhere else"),
			"remove the link, or name the project it leads to with --project")
	case err == nil && !fi.IsDir():
		return unusable(path, service.CodeConfigInvalid, errors.New("it is not a directory"), "move it away; apexd keeps its files in a directory of that name")
	case err == nil:
		err = Searchable(path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return unusable(path, service.CodePermissionDenied, err, "run as the user that owns it, or ask them for access")
	}
	if err != nil {
		return unusable(path, service.CodeConfigInvalid, err, "")
	}
	return nil
}

func unusable(path string, code service.Code, err error, hint string) error {
	return &service.Error{Op: "use project directory", Code: code, Path: path, Err: err, Hint: hint}
}

// resolve makes path, which may be relative to cwd, a real path, and checks that it is a directory we can look into.
func resolve(path, cwd, source string) (string, error) {
	if !filepath.IsAbs(path) {
		if cwd == "" {
			return "", unusable(path, service.CodeConfigInvalid, errors.New("the current directory does not exist"), "cd to a directory that does, or name the project: --project /path/to/project")
		}
		path = join(cwd, path)
	}
	dir, err := realDir(path, filepath.EvalSymlinks)
	switch {
	case err == nil:
		return dir, nil
	case errors.Is(err, fs.ErrPermission):
		return "", unusable(path, service.CodePermissionDenied, err, "run as the user that owns it, or name another project with --project")
	case errors.Is(err, errNotDir):
		return "", unusable(path, service.CodeConfigInvalid, err, "name a directory with "+setting(source))
	}
	if dir = ""; errors.Is(err, fs.ErrNotExist) {
		dir = realPath(path)
	}
	return dir, unusable(path, service.CodeConfigInvalid, err, "check "+setting(source)+", or create the directory")
}

// realDir is path without links, which eval finds. A directory that can be reached and whose path cannot be looked at is taken by the name that was given: a Windows service may
// use its project, and not list the user's home above it.
func realDir(path string, eval func(string) (string, error)) (string, error) {
	dir, err := eval(path)
	if errors.Is(err, fs.ErrPermission) && Searchable(path) == nil {
		dir, err = path, nil
	}
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil {
		err = Searchable(dir)
	}
	return dir, err
}

// join puts path below cwd without cleaning it, so that ".." after a link means what it means to the system. On Windows a path may be
// relative and yet begin at the root of the current volume.
func join(cwd, path string) string {
	if path != "" && os.IsPathSeparator(path[0]) {
		return filepath.VolumeName(cwd) + path
	}
	return cwd + string(filepath.Separator) + path
}

func setting(source string) string {
	if source == SourceEnv {
		return "the environment variable " + SourceEnv
	}
	return SourceFlag
}

var errNotDir = errors.New("it is not a directory")

// Searchable reports why names in dir cannot be looked up, without dir's own name, or nil. Listing it is not needed: status works in a directory with mode 0711.
func Searchable(dir string) error {
	fi, err := os.Stat(dir)
	switch {
	case err == nil && !fi.IsDir():
		return errNotDir
	case err == nil:
		_, err = os.Stat(dir + string(filepath.Separator) + ".") // looking up "." needs the permission that looking up any name does
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// nearest returns the first of start and the directories above it that holds a project, or "".
func nearest(start, home string) string {
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	if holdsProject(start) {
		return start
	}
	for dir := filepath.Dir(start); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if dir != home && holdsProject(dir) && !shared(dir) {
			return dir
		}
	}
	return ""
}

// shared reports whether anybody may create entries in dir, as in /tmp: a .apex there says nothing about what is below.
func shared(dir string) bool {
	fi, err := os.Stat(dir)
	return err == nil && fi.Mode()&fs.ModeSticky != 0 && fi.Mode().Perm()&0o002 != 0
}

// holdsProject reports whether dir has a configuration or a record, or a .apex that we may not look into: passing over that one would
// silently choose another project.
func holdsProject(dir string) bool {
	state := filepath.Join(dir, DirName)
	_, err := os.Lstat(filepath.Join(state, "config.yaml"))
	if err == nil || errors.Is(err, fs.ErrPermission) {
		return true
	}
	fi, err := os.Lstat(state)
	if err != nil || !fi.IsDir() {
		return false
	}
	entries, err := os.ReadDir(state)
	if err != nil {
		return errors.Is(err, fs.ErrPermission)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".pid") {
			return true
		}
	}
	return false
}
