//go:build unix

package backends

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestRecordOfAnotherOwner: a lesser user's record, true in every other word, does not make root signal a process that is not that user's.
func TestRecordOfAnotherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	victim := exec.Command("sleep", "60")
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = victim.Process.Kill() // it is still ours: nobody has waited for it
		_ = victim.Wait()
	}()
	info, err := proc.Inspect(victim.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	d := &Direct{Ref: recordOf(t, info), Spec: service.Spec{Name: "daemon"}}
	if f := d.Ref.Look(); f.PID != info.PID {
		t.Fatalf("the record is not believed at all: %+v", f)
	}
	if err := os.Chown(d.Ref.Path, 4711, -1); err != nil {
		t.Skipf("root may not give files away here: %v", err)
	}
	for name, try := range map[string]func() error{
		"stop":   func() error { _, err := d.Stop(t.Context(), service.StopOptions{}); return err },
		"kill":   func() error { _, err := d.Stop(t.Context(), service.StopOptions{Force: true}); return err },
		"reload": func() error { return d.Reload(t.Context()) },
	} {
		if err := try(); !errors.Is(err, service.ErrPermissionDenied) {
			t.Errorf("%s: %v, want %v", name, err, service.ErrPermissionDenied)
		}
	}
	if err := victim.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the victim: %v", err)
	}
	if now, err := proc.Match(info.PID, info.Identity); err != nil || now.Zombie {
		t.Errorf("the victim was signalled: %v", err)
	}
}

// TestLeftoversOfAnotherOwner: nor does such a record have root end a process as what a daemon has left behind. A record of root's may name a process of another user: the workload can
// have changed it (and the kernel forgets the parent-death signal then, prctl(2)).
func TestLeftoversOfAnotherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	const stranger = 4711
	for name, c := range map[string]struct {
		owner, uid int
		ended      bool
	}{
		"a user's, of root's process":         {stranger, 0, false},
		"a user's, of another user's process": {stranger, stranger + 1, false},
		"a user's, of his own":                {stranger, stranger, true},
		"root's, of root's":                   {0, 0, true},
		"root's, of a user's":                 {0, stranger, true},
	} {
		t.Run(name, func(t *testing.T) {
			left := exec.Command("sleep", "60")
			left.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(c.uid), Gid: uint32(c.uid)}}
			if err := left.Start(); err != nil {
				t.Skipf("root may not become another user here: %v", err)
			}
			gone := make(chan error, 1)
			go func() { gone <- left.Wait() }()
			defer func() { _ = left.Process.Kill() }()
			info, err := proc.Inspect(left.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			rec := pidfile.Record{PID: 1 << 22, Identity: info.Identity, Schema: pidfile.Schema, State: service.StateRunning, Workload: &pidfile.Workload{PID: info.PID, Identity: info.Identity}}
			d := &Direct{Ref: writeRecord(t, rec), Spec: service.Spec{Name: "daemon"}}
			if err := os.Chown(d.Ref.Path, c.owner, -1); err != nil {
				t.Skipf("root may not give files away here: %v", err)
			}
			if _, err := d.Stop(t.Context(), service.StopOptions{}); err != nil {
				t.Error(err)
			}
			if c.ended {
				<-gone
			} else if now, err := proc.Match(info.PID, info.Identity); err != nil || now.Zombie {
				t.Errorf("a stranger was signalled: %v", err)
			}
		})
	}
}

// recordOf writes a record that says that the process of info is the daemon.
func recordOf(t *testing.T, info proc.Info) pidfile.Ref {
	t.Helper()
	return writeRecord(t, pidfile.Record{PID: info.PID, Identity: info.Identity, Schema: pidfile.Schema, State: service.StateRunning})
}

func writeRecord(t *testing.T, rec pidfile.Record) pidfile.Ref {
	t.Helper()
	project := t.TempDir()
	ref := pidfile.Ref{Path: filepath.Join(project, ".apex", "daemon.pid"), Project: project}
	rec.ProjectPath = project
	b, err := rec.Encode()
	if err := errors.Join(err, os.Mkdir(filepath.Dir(ref.Path), 0o755), os.WriteFile(ref.Path, b, 0o644)); err != nil {
		t.Fatal(err)
	}
	return ref
}
