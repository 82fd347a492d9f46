package pidfile

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestJudge walks section 4 of the contract: every way the record, its process and the lock can stand to each other.
func TestJudge(t *testing.T) {
	const project = "/src/shop"
	ours := func() *Record { return &Record{PID: 77, ProjectPath: project, State: service.StateRunning, Schema: 1} }
	copied := func() *Record {
		return &Record{PID: 77, ProjectPath: "/src/original", State: service.StateRunning, Schema: 1}
	}
	foreign := func() *Record { return &Record{PID: 77} }
	corrupt := &CorruptError{"x", os.ErrInvalid}
	tests := []struct {
		name    string
		sight   sight
		running bool
		pid     int
		state   service.State
		says    string // part of Reason or of a warning
	}{
		{"nothing at all", sight{lock: LockFree}, false, 0, service.StateStopped, ""},
		{"held, no record", sight{lock: LockHeld}, true, 0, "", "no record"},
		{"held, no record, kernel names the holder", sight{lock: LockHeld, holder: 9}, true, 0, "", "PID 9"},
		{"held, corrupt", sight{lock: LockHeld, recErr: corrupt}, true, 0, "", "cannot be read"},
		{"free, corrupt", sight{lock: LockFree, recErr: corrupt}, false, 0, service.StateFailed, "corrupt"},
		{"free, unreadable", sight{lock: LockFree, recErr: os.ErrPermission}, false, 0, service.StateUnknown, "cannot be read"},
		{"lock cannot be asked, no record", sight{lock: LockUnknown, lockErr: os.ErrPermission}, false, 0, service.StateUnknown, "could not be asked"},
		{"alive, lock not asked", sight{rec: ours(), match: matchIdentity}, true, 77, "", ""},
		{"alive, lock file deleted", sight{rec: ours(), match: matchIdentity, lock: LockFree}, true, 77, "", ""},
		{"alive, held", sight{rec: ours(), match: matchIdentity, lock: LockHeld}, true, 77, "", ""},
		{"dead, held by the next one", sight{rec: ours(), lock: LockHeld}, true, 0, "", "not that of its holder"},
		{"dead, free", sight{rec: ours(), lock: LockFree}, false, 0, service.StateFailed, "killed or crashed"},
		{"dead, lock cannot be asked", sight{rec: ours(), lock: LockUnknown, lockErr: os.ErrPermission}, false, 0, service.StateUnknown, "could not be asked"},
		{"gave up", sight{rec: &Record{PID: 77, ProjectPath: project, State: service.StateFailed, StatusText: "gave up"}, lock: LockFree}, false, 0, service.StateFailed, "gave up"},
		{"before a reboot", sight{rec: ours(), match: matchBoot, lock: LockFree}, false, 0, service.StateFailed, "restarted"},
		{"other namespace, held", sight{rec: ours(), match: matchElsewhere, lock: LockHeld}, true, 0, "", "another PID namespace"},
		{"other namespace, free", sight{rec: ours(), match: matchElsewhere, lock: LockFree}, false, 0, service.StateFailed, "gone"},
		{"other system, held", sight{rec: ours(), match: matchSystem, system: "Windows", lock: LockHeld}, true, 0, "", "under Windows"},
		{"other system, free", sight{rec: ours(), match: matchSystem, system: "Windows", lock: LockFree}, false, 0, service.StateUnknown, "under Windows"},
		{"other system, by its path there", sight{rec: copied(), match: matchSystem, system: "Windows", lock: LockFree}, false, 0, service.StateUnknown, "under Windows"},
		{"other system, gave up", sight{rec: &Record{PID: 77, ProjectPath: project, State: service.StateFailed, StatusText: "gave up"}, match: matchSystem, system: "Windows", lock: LockFree}, false, 0, service.StateFailed, "gave up"},
		{"hidden, free", sight{rec: ours(), match: matchHidden, lock: LockFree}, false, 0, service.StateUnknown, "does not show"},
		{"copied, original alive, free", sight{rec: copied(), match: matchIdentity, lock: LockFree}, false, 0, service.StateStopped, "copied"},
		{"copied, held by a starting daemon", sight{rec: copied(), match: matchIdentity, lock: LockHeld}, true, 0, "", "not that of its holder"},
		{"moved while it ran", sight{rec: copied(), match: matchIdentity, lock: LockHeld, holder: 77}, true, 77, "", "/src/original"},
		{"copied, free, dead", sight{rec: copied(), lock: LockFree}, false, 0, service.StateStopped, "copied"},
		{"ADR-051, started when it says", sight{rec: foreign(), match: matchTime, lock: LockFree}, true, 77, "", "not written by apexd"},
		{"ADR-051, another process has the PID", sight{rec: foreign(), lock: LockFree}, false, 0, service.StateFailed, "gone"},
		{"bare number, alive", sight{rec: &Record{PID: 77, ProjectPath: project, bare: true}, match: matchAlive, lock: LockFree}, false, 0, service.StateUnknown, "only the number"},
		{"bare number, alive, held", sight{rec: &Record{PID: 77, bare: true}, match: matchAlive, lock: LockHeld}, true, 0, "", "not that of its holder"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.sight.ref = Ref{Path: "/src/shop/.apex/daemon.pid", Project: project}
			if tt.sight.rec != nil {
				tt.sight.process = proc.Info{PID: tt.sight.rec.PID}
			}
			f := tt.sight.judge()
			if f.Running != tt.running || f.PID != tt.pid || f.State != tt.state {
				t.Errorf("running %v PID %d state %q, want %v %d %q", f.Running, f.PID, f.State, tt.running, tt.pid, tt.state)
			}
			if said := f.Reason + strings.Join(f.Warnings, " "); !strings.Contains(said, tt.says) {
				t.Errorf("it says %q, want something with %q", said, tt.says)
			}
			if f.Running == (f.State != "") {
				t.Errorf("state %q goes with not running only", f.State)
			}
			if f.Running && f.PID == 0 && f.Reason == "" || f.State == service.StateUnknown && f.Reason == "" {
				t.Error("no reason is given")
			}
		})
	}
}

func newRef(t *testing.T) Ref {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Ref{Path: filepath.Join(dir, ".apex", "daemon.pid"), Project: dir, StateDir: filepath.Join(dir, "state")}
}

func plant(t *testing.T, r Ref, content any) {
	t.Helper()
	b, ok := content.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(r.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func selfInfo(t *testing.T) proc.Info {
	t.Helper()
	info, err := proc.Self()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestLookReal plants records about a live process, a holder of another project, and looks at them through the real process table.
func TestLookReal(t *testing.T) {
	other := newRef(t)
	h := startHolder(t, other)
	h.said(t)
	self, err := proc.Inspect(h.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	reused := self.Identity
	reused.StartTime += "1"
	tests := []struct {
		name    string
		content func(r Ref) any
		running bool
		state   service.State
	}{
		{"own record", func(r Ref) any {
			return Record{PID: self.PID, ProjectPath: r.Project, Identity: self.Identity, State: service.StateRunning}
		}, true, ""},
		{"reused PID", func(r Ref) any {
			return Record{PID: self.PID, ProjectPath: r.Project, Identity: reused, State: service.StateRunning}
		}, false, service.StateFailed},
		{"copied", func(Ref) any {
			return Record{PID: self.PID, ProjectPath: "/elsewhere", Identity: self.Identity, State: service.StateRunning}
		}, false, service.StateStopped},
		{"ADR-051, four fields", func(r Ref) any {
			return map[string]any{"pid": self.PID, "startedAt": self.Started.Format(time.RFC3339Nano), "version": "0.4.0", "projectPath": r.Project}
		}, true, ""},
		{"ADR-051, two fields, milliseconds", func(Ref) any {
			return map[string]any{"pid": self.PID, "startedAt": self.Started.UnixMilli()}
		}, true, ""},
		{"ADR-051, of another project", func(Ref) any {
			return map[string]any{"pid": self.PID, "startedAt": self.Started.Format(time.RFC3339Nano), "projectPath": "/elsewhere"}
		}, false, service.StateStopped},
		{"ADR-051, started at another time", func(Ref) any {
			return map[string]any{"pid": self.PID, "startedAt": self.Started.Add(-5 * time.Second).Format(time.RFC3339Nano)}
		}, false, service.StateFailed},
		{"ADR-051, the reader's own PID", func(Ref) any {
			me := selfInfo(t)
			return map[string]any{"pid": me.PID, "startedAt": me.Started.Format(time.RFC3339Nano)}
		}, false, service.StateFailed},
		{"number of a live process", func(Ref) any { return []byte(strconv.Itoa(self.PID) + "\n") }, false, service.StateUnknown},
		{"number of no process", func(Ref) any { return []byte("2147483646") }, false, service.StateFailed},
		{"not JSON", func(Ref) any { return []byte("{pid: 1") }, false, service.StateFailed},
		{"empty", func(Ref) any { return []byte{} }, false, service.StateFailed},
		{"negative", func(Ref) any { return []byte(`{"pid":-1}`) }, false, service.StateFailed},
		{"huge", func(Ref) any { return make([]byte, maxRecord+1) }, false, service.StateFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRef(t)
			plant(t, r, tt.content(r))
			f := r.Look()
			if f.Running != tt.running || f.State != tt.state {
				t.Errorf("running %v state %q (%s), want %v %q", f.Running, f.State, f.Reason, tt.running, tt.state)
			}
		})
	}
}

// TestLookForeignLock holds the lock as any program could and asks who runs.
func TestLookForeignLock(t *testing.T) {
	t.Parallel()
	r := newRef(t)
	plant(t, r, []byte("torn {"))
	fl := flock.New(r.LockPath())
	if ok, err := fl.TryLock(); err != nil || !ok {
		t.Fatal(ok, err)
	}
	defer fl.Unlock()
	if f := r.Look(); !f.Running || f.PID != 0 || f.Reason == "" {
		t.Errorf("%+v, want running with unknown PID and a reason", f)
	}
	if _, _, err := r.Acquire(t.Context()); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("Acquire: %v, want ALREADY_RUNNING", err)
	}
}

// TestLookChangesNothing: a look leaves the directory as it is, byte for byte, also where there is nothing.
func TestLookChangesNothing(t *testing.T) {
	r := newRef(t)
	r.Look()
	if _, err := os.Lstat(filepath.Dir(r.Path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made %s: %v", filepath.Dir(r.Path), err)
	}
	plant(t, r, []byte("junk"))
	before, _ := os.ReadDir(filepath.Dir(r.Path))
	r.Look()
	after, _ := os.ReadDir(filepath.Dir(r.Path))
	if len(before) != len(after) {
		t.Errorf("looking changed the directory: %v, then %v", before, after)
	}
}

// TestLookHostile puts other things where the record or the lock should be.
func TestLookHostile(t *testing.T) {
	tests := []struct {
		name  string
		make  func(path string) error
		state service.State
	}{
		{"link", func(p string) error { return os.Symlink("/etc/passwd", p) }, service.StateUnknown},
		{"dangling link", func(p string) error { return os.Symlink("/nowhere", p) }, service.StateUnknown},
		{"directory", func(p string) error { return os.Mkdir(p, 0o755) }, service.StateUnknown},
		{"FIFO", mkfifo, service.StateUnknown},
		{"hard link", func(p string) error {
			if err := os.WriteFile(p+".other", []byte("1"), 0o644); err != nil {
				return err
			}
			return os.Link(p+".other", p)
		}, service.StateUnknown},
	}
	for _, tt := range tests {
		for _, what := range []string{"record", "lock"} {
			t.Run(what+" "+tt.name, func(t *testing.T) {
				r := newRef(t)
				if err := os.MkdirAll(filepath.Dir(r.Path), 0o755); err != nil {
					t.Fatal(err)
				}
				path := r.Path
				if what == "lock" {
					path = r.LockPath()
				}
				if err := tt.make(path); err != nil {
					t.Skipf("this system cannot make one: %v", err)
				}
				if f := r.Look(); f.Running || f.State != tt.state || f.Reason == "" {
					t.Errorf("running %v state %q reason %q, want %q", f.Running, f.State, f.Reason, tt.state)
				}
				if l, _, err := r.Acquire(t.Context()); err == nil {
					l.Release()
					t.Error("Acquire took it")
				}
			})
		}
	}
}

func TestReadRefusesLinks(t *testing.T) {
	r := newRef(t)
	plant(t, r, Record{PID: 1})
	link := filepath.Join(r.Project, "link.pid")
	if err := os.Symlink(r.Path, link); err != nil {
		t.Skipf("this system cannot make links: %v", err)
	}
	if _, err := Read(link); !isUnsafe(err) {
		t.Errorf("Read(link): %v, want %v", err, safefile.ErrUnsafe)
	}
}

// TestLastWord: a daemon that writes its last record, or removes it, and ends between the two looks of a Look is not taken for one that was killed.
func TestLastWord(t *testing.T) {
	for _, tt := range []struct {
		name string
		last *Record // what stands there by then
		want service.State
	}{
		{"it has failed", &Record{State: service.StateFailed, StatusText: "the workload exited with status 9", Workload: &Workload{LastExit: &Exit{Code: 9}}}, service.StateFailed},
		{"it was stopped", nil, service.StateStopped},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRef(t)
			l, _, err := r.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			gone := Record{PID: l.Self().PID, Identity: l.Self().Identity, ProjectPath: r.Project, Schema: Schema, State: service.StateRunning}
			gone.Identity.StartTime = "1" // of a process that has ended
			if tt.last != nil {
				last := gone
				last.State, last.StatusText, last.Workload = tt.last.State, tt.last.StatusText, tt.last.Workload
				if err := l.Write(last); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Release(); err != nil {
				t.Fatal(err)
			}
			f := r.lookAfter(&gone, nil)
			if f.Running || f.State != tt.want {
				t.Fatalf("running %v, %s (%s), want %s", f.Running, f.State, f.Reason, tt.want)
			}
			if tt.last != nil && (f.Record == nil || f.Record.Workload == nil || f.Record.Workload.LastExit == nil || f.Record.Workload.LastExit.Code != 9) {
				t.Errorf("its last word is not told: %+v", f.Record)
			}
		})
	}
}

// TestLookAtAnotherSystemsRecord: WSL and Windows on one directory: what the other has left is not guessed at.
func TestLookAtAnotherSystemsRecord(t *testing.T) {
	r := newRef(t)
	if err := os.Mkdir(filepath.Dir(r.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	rec := Record{PID: 4321, Schema: Schema, ProjectPath: `C:\src\shop`, State: service.StateRunning, Identity: Identity{StartTime: "134084736000000000"}}
	if rec.Identity.OtherSystem() == "" { // this is Windows
		rec.Identity = Identity{StartTime: "109189", BootID: "6f0c", PIDNamespace: "4026531836"}
	}
	b, err := rec.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.Path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	st := r.Look().Status(r, "daemon")
	if said := strings.Join(st.Warnings, " "); st.Running || st.State != service.StateUnknown || !strings.Contains(said, "under "+rec.Identity.System()) {
		t.Errorf("%+v", st)
	}
	l, got, err := r.Acquire(t.Context())
	if err != nil || !strings.Contains(strings.Join(got.Warnings, " "), "does not reach here") {
		t.Fatalf("%v, warned of %q", err, got.Warnings)
	}
	l.Release()
}
