package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// maxUnit bounds what is read of a unit file.
const maxUnit = 1 << 20

// unitMode lets everybody read a unit, as the manager does: nothing in it is secret.
const unitMode = 0o644

// standing is what is at a path that a unit could have.
type standing int

const (
	standsNothing standing = iota
	standsFile
	standsMask  // a link to /dev/null: an administrator's word that the unit must not run (systemctl(1), mask)
	standsOther // a link elsewhere, a directory …
)

// look says what is at path. A link is not followed.
func look(path string) (standing, string, error) {
	fi, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return standsNothing, "", nil
	case err != nil:
		return standsOther, "", err
	case fi.Mode()&fs.ModeSymlink != 0:
		if to, err := os.Readlink(path); err == nil && to == os.DevNull {
			return standsMask, "", nil
		}
		return standsOther, "", nil
	case !fi.Mode().IsRegular():
		return standsOther, "", nil
	}
	text, _, err := safefile.Read(path, maxUnit)
	return standsFile, string(text), err
}

// newer reports whether the file at path was written after t: a daemon that runs since then has an older definition.
func newer(path string, t time.Time) bool {
	fi, err := os.Stat(path)
	return err == nil && !t.IsZero() && fi.ModTime().After(t)
}

// unitDir is the directory of unitPath in which an administrator's, or this user's, own units are (systemd.unit(5), "Unit File Load Path").
func unitDir(unitPath []string, scope service.Scope) (string, error) {
	want := "/systemd/system"
	if scope == service.ScopeUser {
		want = "/systemd/user"
	}
	for _, d := range unitPath {
		if strings.HasSuffix(filepath.ToSlash(d), want) {
			if scope == service.ScopeUser && !underRun(d) || scope == service.ScopeSystem && strings.HasSuffix(filepath.ToSlash(d), "/etc"+want) {
				return d, nil
			}
		}
	}
	return "", fmt.Errorf("the manager looks for units in none of its usual directories, but in %q", unitPath)
}

func underRun(d string) bool { return strings.HasPrefix(filepath.ToSlash(d), "/run/") }

// obstacle reports why a unit called name must not be put into dir, because of what stands elsewhere in the manager's search path.
func obstacle(unitPath []string, dir, name string) error {
	before := true
	for _, d := range unitPath {
		if d == dir {
			before = false
			continue
		}
		path := filepath.Join(d, name)
		what, _, err := look(path)
		switch {
		case err != nil && !errors.Is(err, fs.ErrPermission):
			return err
		case what == standsMask:
			return masked(name, path)
		case what != standsNothing && before:
			return &service.Error{
				Op: "install " + name, Code: service.CodeServiceExists, Path: path,
				Err: fmt.Errorf("%q is a unit of the same name, which the manager prefers to %q", path, filepath.Join(dir, name)), Hint: "remove it, then run apexd install again",
			}
		}
	}
	return nil
}

func masked(name, path string) error {
	return &service.Error{
		Op: "install " + name, Code: service.CodeInstallFailed, Path: path,
		Err:  fmt.Errorf("%q is masked: somebody decided that it must not run", path),
		Hint: "systemctl unmask " + name + " (with --user for a user's) takes that back",
	}
}

// links are the links to the unit called name that enabling makes: path to target. Directories that cannot be read have none.
func links(dir, name string) map[string]string {
	found := map[string]string{}
	for _, kind := range []string{"*.wants", "*.requires", "*.upholds"} {
		matches, _ := filepath.Glob(filepath.Join(escapeGlob(dir), kind, name)) // the pattern is well formed
		for _, path := range matches {
			if to, err := os.Readlink(path); err == nil {
				found[path] = to
			}
		}
	}
	return found
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(s)
}

// restoreLinks makes the links to name be those of want again.
func restoreLinks(dir, name string, want map[string]string) error {
	var errs []error
	for path := range links(dir, name) {
		if want[path] == "" {
			errs = append(errs, os.Remove(path))
			_ = os.Remove(filepath.Dir(path)) // if it is empty now
		}
	}
	for path, to := range want {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path))
		}
	}
	return errors.Join(errs...)
}

// missing are the directories that making path's directory would make, innermost first.
func missingDirs(path string) []string {
	var out []string
	for d := filepath.Dir(path); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			return out
		}
		out = append(out, d)
	}
}

// write puts f in place as one step: readers see the old content or the new. Without a new content it removes the file.
func (f File) write() error {
	if f.New == "" {
		err := os.Remove(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	return safefile.Replace(f.Path, []byte(f.New), f.perm)
}

// restore makes f be what it was. made are the directories that were not there.
func (f File) restore(made []string) error {
	if f.exists {
		return safefile.Replace(f.Path, []byte(f.Old), f.perm)
	}
	err := os.Remove(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, d := range made {
		_ = os.Remove(d) // if it is empty
	}
	return err
}

// dropIns are the administrator's own settings for the unit.
func dropIns(unitPath []string, name string) []string {
	var out []string
	for _, d := range unitPath {
		matches, _ := filepath.Glob(filepath.Join(escapeGlob(d), name+".d", "*.conf")) // the pattern is well formed
		out = append(out, matches...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
