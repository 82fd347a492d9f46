package servicetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func recordCases() []testCase {
	return []testCase{
		{name: "stale record", run: staleRecord},
		{name: "corrupt record", run: corruptRecord},
		{name: "corrupt record of a running daemon", run: corruptRunning},
		{name: "hostile record: PID 1", run: recordPID1},
		{name: "hostile record: the reader's own PID", run: recordOwnPID},
		{name: "hostile record: a stranger's PID", run: recordStranger},
		{name: "hostile record: a reused PID", run: recordReused},
		{name: "reboot with an old record whose PID is alive again", run: recordReboot},
		{name: "record or lock is a link", run: recordLink},
		{name: "record of another tool", run: recordOtherTool},
	}
}

// record is a record as JSON has it.
type record map[string]any

func (r record) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return string(b)
}

// readRecord is the subject's present record.
func (c *C) readRecord(s Subject) record {
	c.Helper()
	b, err := os.ReadFile(filepath.Join(s.Project(), ".apex", "daemon.pid"))
	if err != nil {
		c.Fatalf("%v", err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		c.Fatalf("%v", err)
	}
	return r
}

// dead returns the record of a daemon of this project that was killed.
func (c *C) dead() record {
	c.Helper()
	c.require(HasFiles)
	child := c.up(Workload{Restart: never()})
	c.crash()
	c.gone(child)
	return c.readRecord(c.s)
}

// with returns r with other values.
func (r record) with(kv ...any) record {
	n := record{}
	for k, v := range r {
		n[k] = v
	}
	for i := 0; i < len(kv); i += 2 {
		n[kv[i].(string)] = kv[i+1]
	}
	return n
}

// identity returns r with one part of its identities changed.
func (r record) identity(part, value string) record {
	id := record(r["identity"].(map[string]any)).with(part, value)
	return r.with("identity", id, "workload", record{"pid": r["pid"], "identity": id})
}

// stamp is a time as records have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func staleRecord(c *C) {
	stale := c.dead()
	for range 2 { // status does not change what it finds
		c.is(service.StateFailed)
	}
	c.stop()
	c.is(service.StateStopped)
	if _, err := os.Lstat(c.file("daemon.pid")); !errors.Is(err, fs.ErrNotExist) {
		c.Errorf("stop leaves a stale record: %v", err)
	}
	c.write("daemon.pid", stale.String())
	child := c.started()
	c.serving()
	c.stop()
	c.nobody(0, child)
	c.onlyDocumented()
}

func corruptRecord(c *C) {
	c.require(HasFiles)
	for _, text := range []string{
		"", "{", "}{", "nonsense\n", "\x00\x00\x00", `{"pid":-1}`, `{"pid":0}`, `{"pid":"12"}`, `{"pid":1e99}`, `{"pid":99999999999}`, "-4", "[1]", "null",
		strings.Repeat("x", 1<<20), `{"pid":` + strings.Repeat("[", 1000),
	} {
		c.write("daemon.pid", text)
		if st := c.status(); st.Running || st.ExitCode() == service.StatusExitRunning {
			c.Errorf("%.20q: %s", text, describe(st))
		}
	}
	child := c.up(Workload{})
	c.serving()
	c.stop()
	c.nobody(0, child)
	c.write("daemon.pid", "{")
	c.stop()
	c.is(service.StateStopped)
	c.onlyDocumented()
}

// corruptRunning: the lock says that it runs, whatever the record says.
func corruptRunning(c *C) {
	c.require(HasFiles)
	child := c.up(Workload{})
	pid := *c.serving().PID
	c.write("daemon.pid", "nonsense")
	st := c.status()
	if !st.Running || st.PID != nil && *st.PID != pid {
		c.Errorf("with a corrupt record: %s, PID %v", describe(st), st.PID)
	}
	e := c.refused("second start", c.s.Start(c.Context()), service.CodeAlreadyRunning, exitAlreadyRunning)
	if e.PID != 0 && e.PID != pid {
		c.Errorf("ALREADY_RUNNING names PID %d, want %d or none", e.PID, pid)
	}
	c.alive(child)
	c.remove("daemon.pid")
	c.healed("daemon.pid")
	c.stop()
	c.nobody(pid, child)
}

// healed waits until the daemon has made a file again, where it does.
func (c *C) healed(name string) {
	c.Helper()
	if !c.has(HasHeal) {
		return
	}
	c.await(name+" is there again", func(service.Status) bool {
		_, err := os.Stat(c.file(name))
		return err == nil
	})
}

// harmless writes each record and runs every verb on it. None may find a daemon that runs, or fail by a signal.
func (c *C) harmless(records map[string]string, check func()) {
	c.Helper()
	for name, text := range records {
		c.write("daemon.pid", text)
		st := c.status()
		if st.Running {
			c.Errorf("%s: %s", name, describe(st))
		}
		for _, force := range []bool{false, true} {
			o := c.s.Stop(c.Context(), service.StopOptions{Force: force})
			if o.Err == nil && o.PID != 0 || o.Err != nil && o.Err.Code != service.CodeStopFailed && o.Err.Code != service.CodePermissionDenied {
				c.Errorf("%s: stop (force %t): PID %d, %v", name, force, o.PID, o.Err)
			}
			check()
			c.write("daemon.pid", text)
		}
		if o := c.s.Reload(c.Context()); o.Err == nil || o.Err.Code != service.CodeNotRunning {
			c.Errorf("%s: reload: %v, want NOT_RUNNING", name, o.Err)
		}
		check()
	}
}

// foreign is a record as other tools write it.
func foreign(pid int, at time.Time, project string) record {
	return record{"pid": pid, "startedAt": stamp(at), "version": "0.4.0", "projectPath": project}
}

func recordPID1(c *C) {
	stale := c.dead()
	c.harmless(map[string]string{
		"identity of another": stale.with("pid", 1, "workload", record{"pid": 1, "identity": stale["identity"]}).String(),
		"without identity":    foreign(1, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), c.s.Project()).String(),
		"no time":             `{"pid":1}`,
		"a number":            "1\n",
	}, func() {})
	c.startOver(stale.with("pid", 1).String())
}

// startOver starts over a record that must not be in the way, and stops again.
func (c *C) startOver(text string) {
	c.Helper()
	c.write("daemon.pid", text)
	child := c.started()
	c.serving()
	c.stop()
	c.nobody(0, child)
	c.is(service.StateStopped)
}

func recordOwnPID(c *C) {
	own := need[OwnPID](c, c.s, CanOwnPID)
	stale := c.dead()
	for name, text := range map[string]string{
		"identity of another": stale.with("pid", "@PID@").String(),
		"without identity":    foreign(0, time.Now(), c.s.Project()).with("pid", "@PID@").String(),
		"no time":             `{"pid":"@PID@"}`,
		"a number":            "@PID@",
	} {
		text = strings.ReplaceAll(text, `"@PID@"`, "@PID@")
		for _, verb := range []string{"status", "stop", "kill", "reload"} {
			o := own.WithOwnPID(c.Context(), verb, text)
			switch {
			case o.Exit < 0 || o.Exit > exitAlreadyRunning:
				c.Errorf("%s: %s ended by a signal: exit status %d\n%s", name, verb, o.Exit, o.Text)
			case verb == "status" && o.Exit == service.StatusExitRunning:
				c.Errorf("%s: status takes itself for the daemon\n%s", name, o.Text)
			case o.PID != 0:
				c.Errorf("%s: %s says that it has stopped PID %d\n%s", name, verb, o.PID, o.Text)
			}
		}
	}
	c.remove("daemon.pid")
}

func recordStranger(c *C) {
	stale := c.dead()
	b := c.bystander()
	old, now := time.Now().Add(-time.Hour), time.Now()
	c.harmless(map[string]string{
		"identity of another": stale.with("pid", b.PID, "workload", record{"pid": b.PID, "identity": stale["identity"]}).String(),
		"without identity":    foreign(b.PID, old, c.s.Project()).with("workload", record{"pid": b.PID}).String(),
		"another project's":   foreign(b.PID, now, filepath.Join(c.s.Project(), "other")).String(),
		"no time":             fmt.Sprintf(`{"pid":%d}`, b.PID),
		"a number":            fmt.Sprintf("%d\n", b.PID),
	}, func() { c.spared(b) })
	if c.has(CanOtherUser) { // root: the record belongs to somebody else, and so can say nothing of root's processes
		c.write("daemon.pid", foreign(b.PID, now, c.s.Project()).String())
		if err := os.Chown(c.file("daemon.pid"), 65534, 65534); err != nil {
			c.Fatalf("%v", err)
		}
		if st := c.status(); st.Running {
			c.Errorf("somebody else's record of root's process: %s", describe(st))
		}
		c.s.Stop(c.Context(), service.StopOptions{Force: true})
		c.spared(b)
		c.remove("daemon.pid")
	}
	c.startOver(fmt.Sprintf("%d\n", b.PID))
	c.spared(b)
}

// recordReused: daemon and workload are gone and their PIDs are a stranger's now, under whatever identity the system gives it.
func recordReused(c *C) {
	stale := c.dead()
	b := c.bystander()
	w, _ := stale["workload"].(map[string]any)
	reused := stale.with("pid", b.PID, "workload", record(w).with("pid", b.PID)).String()
	c.harmless(map[string]string{"reused": reused}, func() { c.spared(b) })
	c.startOver(reused)
	c.spared(b)
}

// recordReboot: another daemon lives, and this project's record has its true identity, but for the boot or the PID namespace.
func recordReboot(c *C) {
	c.require(CanBystander)
	stale := c.dead()
	other := c.driver.New(c, "other")
	w := Workload{Script: c.script(Script{Role: "other", Deaf: true}), StopTimeout: 200 * time.Millisecond}
	other.Configure(c, w)
	c.ok("start of the other", other.Start(c.Context()))
	b := c.child("other")
	theirs := c.readRecord(other).with("projectPath", stale["projectPath"])
	old := theirs.identity("bootId", "6f1f0d9e-0000-4000-8000-000000000000").String()
	c.harmless(map[string]string{"another boot": old}, func() { c.spared(b) })
	c.startOver(old)
	c.startOver(theirs.identity("startTime", "1").String())
	c.spared(b)
	c.servingOf(other)
}

// recordLink: nothing is written through a link that somebody has put in the way, and nothing waits for a file that is none.
func recordLink(c *C) {
	c.require(HasFiles, HasExecutable)
	target := filepath.Join(c.s.Project(), "precious")
	const text = "precious\n"
	if err := os.WriteFile(target, []byte(text), 0o600); err != nil {
		c.Fatalf("%v", err)
	}
	c.configure(c.s, Workload{})
	for _, name := range []string{"daemon.pid", "daemon.pid.lock", "daemon.log", "daemon.history"} {
		c.remove(name)
		if err := os.Symlink(target, c.file(name)); err != nil {
			c.Fatalf("%v", err)
		}
		c.status()
		if o := c.s.Start(c.Context()); o.Err == nil && o.Exit <= exitDone {
			c.child("main")
			c.stop()
		}
		if b, err := os.ReadFile(target); err != nil || string(b) != text {
			c.Errorf("%s is a link, and its target is %.100q now: %v", name, b, err)
		}
		if fi, err := os.Stat(target); err == nil && fi.Mode().Perm() != 0o600 {
			c.Errorf("%s is a link, and its target has mode %s now", name, fi.Mode())
		}
		c.remove(name)
	}
	c.up(Workload{})
	c.stop()
}

// recordOtherTool is section 4.6: a record without identity counts if everything else about the process fits, and says so.
func recordOtherTool(c *C) {
	c.require(HasFiles)
	began := time.Now()
	need[Bystanders](c, c.s, CanBystander).Bystander(c, c.script(Script{Role: "other tool's daemon"}))
	theirs := c.child("other tool's daemon")
	c.write("daemon.pid", foreign(theirs.PID, began, c.s.Project()).String())
	st := c.status()
	if !st.Running || st.PID == nil || *st.PID != theirs.PID || len(st.Warnings) == 0 {
		c.Errorf("status: %s, PID %v; want running as %d, with a warning", describe(st), st.PID, theirs.PID)
	}
	c.configure(c.s, Workload{})
	c.refused("start", c.s.Start(c.Context()), service.CodeAlreadyRunning, exitAlreadyRunning)
	if c.has(HasSignals) {
		c.stop()
	} else { // nothing else reaches a process that does not know us
		c.kill()
	}
	c.gone(theirs)
	c.is(service.StateStopped)
}
