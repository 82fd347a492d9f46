package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// readyFD is the descriptor on which s6-supervise(1) is told that the daemon is ready ("notification-fd").
const readyFD = "3"

// RenderServiceDir returns the files of r's service directory for k, which is runit or s6, by their names in it: run and finish, check for runit, notification-fd for s6, and down,
// with which the supervisor does not start it by itself. It is pure. Errors: what r holds and a script cannot carry.
func RenderServiceDir(r Request, scope service.Scope, k service.Kind, down bool) ([]File, error) {
	before, err := lineWords(append(append([]string{"env", "-i", "PATH=" + r.Path}, r.Env...), r.Exec, "as", r.User)...)
	if err == nil {
		_, err = callOf(r)
	}
	if err != nil {
		return nil, err
	}
	place, err := lineWords(r.place()...)
	if err != nil {
		return nil, err
	}
	said := strings.NewReplacer(
		"@VERSION@", plain(r.Version), "@KIND@", string(k), "@MARK@", markOf(r, k).String(), "@BEFORE@", before, "@SCOPE@", string(scope), "@PLACE@", place, "@LEAVE@", leaveWhen(r, k), "@GIVEUP@", giveUp(k),
		"@READY@", map[service.Kind]string{service.KindS6: " --ready-fd " + readyFD}[k],
	)
	files := []File{script("run", said.Replace(runScript)), script("finish", said.Replace(finishScript))}
	switch k {
	case service.KindS6:
		files = append(files, File{Path: "notification-fd", Mode: "0644", New: readyFD + "\n", perm: unitMode})
	case service.KindRunit:
		files = append(files, script("check", said.Replace(checkScript)))
	default:
		return nil, fmt.Errorf("%s has no service directories: want runit or s6", k)
	}
	if down {
		files = append(files, File{Path: "down", Mode: "0644", New: "\n", perm: unitMode})
	}
	return files, nil
}

func script(name, text string) File {
	return File{Path: name, Mode: "0755", New: text, perm: scriptMode}
}

// leaveWhen is the test by which finish leaves the daemon to its supervisor, which starts it again unless that is not wanted: the daemon was asked to stop (SIGTERM), or killed and the
// policy is not to stay down then. How the scripts are told: runsv(8), s6-supervise(1).
func leaveWhen(r Request, k service.Kind) string {
	test := `[ "$1" -eq -1 ]`
	if k == service.KindS6 {
		test = `[ "$1" -eq 256 ]`
	}
	if r.Spec.Restart.When == service.RestartNever {
		test += ` && [ "$2" -eq 15 ]`
	}
	return test
}

// giveUp has the supervisor not start it again.
func giveUp(k service.Kind) string {
	if k == service.KindS6 {
		return "exit 125"
	}
	return "printf d >supervise/control"
}

const runScript = `#!/bin/sh
# Made by apexd @VERSION@ for @KIND@; "apexd install --for @KIND@ --output" writes it anew.
@MARK@
nl='
'
umask 022
exec @BEFORE@ run --keeper @KIND@ --scope @SCOPE@ --service "$(pwd -P)"@READY@ @PLACE@ 2>&1
`

const finishScript = `#!/bin/sh
# apexd restarts the workload itself. When it ends by its own, the workload is done or it gave up, and then it stays down. One that was asked to stop ends by SIGTERM, and @KIND@ knows
# what is wanted; one that was killed comes back, unless restart.policy is never.
if @LEAVE@; then exit 0; fi
@GIVEUP@
`

const checkScript = `#!/bin/sh
# sv(8) start returns when the daemon is ready.
nl='
'
case $(@BEFORE@ status --json @PLACE@) in
*'"ready":true'*) exit 0 ;;
esac
exit 1
`

// PlanServiceDir plans to write r's service directory for k to dir. It is written beside it under a name that supervisors do not look at, and then renamed, so that none sees half of
// one; a directory of the same daemon's is brought up to date file by file. Errors: GENERATION_FAILED, SERVICE_EXISTS.
func PlanServiceDir(r Request, scope service.Scope, k service.Kind, dir string, down bool) (*Plan, error) {
	files, err := RenderServiceDir(r, scope, k, down)
	if err != nil {
		return nil, &service.Error{Op: "write the service directory", Code: service.CodeGenerationFailed, Err: err}
	}
	p := &Plan{
		Op: "install", Service: dir, Backend: string(k), Scope: string(scope), User: r.User, Path: r.Path, wholly: true,
		Files: []File{}, Kept: []string{}, Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		for _, f := range files {
			f.Path = filepath.Join(dir, f.Path)
			p.Files = append(p.Files, f)
		}
		p.steps = []step{newDir(dir, files)}
		return p, nil
	}
	if m, ok := sysv.ReadMark(filepath.Join(dir, "run")); !ok || m != markOf(r, k) {
		return nil, &service.Error{
			Op: "write the service directory", Code: service.CodeServiceExists, Path: dir, Err: fmt.Errorf("%q is there, and not of this daemon", dir), Hint: "name a directory that is not there yet",
		}
	}
	return p, p.change(dir, files)
}

// newDir writes dir, wholly or not at all.
func newDir(dir string, files []File) step {
	temp := filepath.Join(filepath.Dir(dir), ".new-"+filepath.Base(dir))
	return step{
		"write " + dir,
		func(context.Context) error {
			if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
				return err
			}
			if err := os.Mkdir(temp, 0o755); err != nil {
				return err
			}
			for _, f := range files {
				f.Path = filepath.Join(temp, f.Path)
				if err := errors.Join(f.write(), os.Chmod(f.Path, f.perm)); err != nil {
					return err
				}
			}
			return os.Rename(temp, dir)
		},
		func(context.Context) error { return errors.Join(os.RemoveAll(temp), os.RemoveAll(dir)) },
	}
}

// change brings the files of dir up to date. Others in it are their owner's.
func (p *Plan) change(dir string, files []File) error {
	p.UpToDate = true
	for _, f := range files {
		f.Path = filepath.Join(dir, f.Path)
		what, text, err := look(f.Path)
		if err != nil {
			return err
		}
		if f.Old, f.exists = text, what == standsFile; f.exists {
			f.Diff = Diff(f.Old, f.New)
		}
		p.Files = append(p.Files, f)
		if f.changes() {
			p.UpToDate = false
			p.steps = append(p.steps, step{"write " + f.Path, func(context.Context) error { return f.write() }, func(context.Context) error { return f.restore(nil) }})
		}
	}
	return nil
}
