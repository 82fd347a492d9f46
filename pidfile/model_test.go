package pidfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// This is a model of the protocol: what daemons, stops and people who delete files do to lock, record, guard and processes, one step at a time, in every order. What a step
// decides is decided by the code itself: judge and answered, and the transitions of service.State. Its steps have the names of the functions that take them.

// variant is what a search allows, and which protections are taken out.
type variant struct {
	users   int  // 1: both daemons are the same user's, and share the guard
	deletes int8 // how often somebody deletes files
	crashes int8 // how often a daemon is killed
	onlyRun bool // files are deleted only under a daemon that has its record

	noLock, noJudge, noGuard, noHandle, noIdentity, noHealLook, noShared bool
}

// place is where a process is in its life.
type place int8

const (
	gone place = iota
	opening
	locking
	checking
	judging
	claiming
	publishing
	active // it has its workload
	removing
	looking // a stop: has not looked yet
	holding // it has a handle on the process that it has found
	waiting // it has signalled
	done
)

// process is a daemon, or at [2] a stop. id is PID and start time in one: it is never used again.
type process struct {
	at    place
	id    int8
	file  int8 // the lock file that it has opened, 0 for none
	locks bool // … and locked
	guard bool
	asked bool // to stop
	state int8 // of service.States
	found int8 // by a stop: whom
	meant int8 // by a stop: who was active when it began
	clear bool // a stop that takes the place of the dead
}

// world is one state of everything. It is comparable.
type world struct {
	lock, files   int8 // the lock file at the path, 0 for none; how many there have been
	record        int8 // whose, 0 for none
	entry         [2]int8
	p             [3]process
	ids           int8 // how many processes there have been
	reused        int8 // a dead one whose PID a stranger has, 0 for none
	deleted, died int8
	fault         string // what must never happen, and has
}

const (
	maxIDs = 3 // processes: two daemons, one of which is started again
	stop   = 2 // index of the stop
	reader = 3 // a status, which holds nothing
)

// model makes the successors of a world.
type model struct {
	variant
	ref  Ref
	next []step
}

type step struct {
	name string
	to   world
}

func (m *model) user(i int) int {
	if i >= stop || m.users == 1 {
		return 0
	}
	return i
}

func (w *world) alive(id int8) bool {
	for i := range stop {
		if w.p[i].id == id && id != 0 && w.p[i].at != gone {
			return true
		}
	}
	return false
}

// held reports whether anybody but i has locked a lock file.
func (w *world) held(file int8, i int) bool {
	for j := range w.p {
		if j != i && w.p[j].locks && w.p[j].file == file && file != 0 {
			return true
		}
	}
	return false
}

func (m *model) guarded(w *world, i int) bool {
	for j := range w.p {
		if j != i && w.p[j].guard && m.user(j) == m.user(i) {
			return true
		}
	}
	return false
}

// sight is what pidfile sees of w.
func (m *model) sight(w *world) sight {
	s := sight{ref: m.ref}
	if w.record == 0 {
		return s
	}
	s.rec = &Record{PID: int(w.record), Identity: Identity{StartTime: "1"}, ProjectPath: m.ref.Project, State: service.StateRunning}
	if w.alive(w.record) || m.noIdentity && w.reused == w.record {
		s.match, s.process = matchIdentity, proc.Info{PID: int(w.record)}
	}
	return s
}

// look is Ref.Look, in one step.
func (m *model) look(w *world, i int) Finding {
	s := m.sight(w)
	if !s.answered() {
		s.lock = LockFree
		if w.held(w.lock, i) && (m.noShared || w.held(w.lock, stop)) { // askLock; a stop's lock is shared
			s.lock = LockHeld
		}
	}
	f := s.judge()
	if e := w.entry[m.user(i)]; s.rec == nil && f.PID == 0 && w.alive(e) && m.guarded(w, i) { // lookGuard
		f.Running, f.PID = true, int(e)
	}
	return f
}

// on is daemon.on: the real machine decides.
func (p *process) on(w *world, e service.Event) {
	to, ok := service.States[p.state].On(e)
	if !ok {
		w.fault = fmt.Sprintf("%s has no meaning in %s", e, service.States[p.state])
	}
	for i, s := range service.States {
		if s == to {
			p.state = int8(i)
		}
	}
}

func (m *model) add(name string, i int, to world) {
	who := [...]string{"A", "B", "stop"}[i]
	m.next = append(m.next, step{who + ": " + name, to})
}

// end is the process's end: the kernel gives back what it has locked.
func (w *world) end(i int, at place) { w.p[i] = process{at: at, id: w.p[i].id, meant: w.p[i].meant} }

// acquire is Ref.try, for daemon or stop i, up to where the two differ.
func (m *model) acquire(w world, i int) {
	p := &w.p[i]
	switch p.at {
	case opening: // safefile.Make, flock.New
		if w.lock == 0 {
			w.files++
			w.lock = w.files
		}
		p.file, p.at = w.lock, locking
		m.add("Make", i, w)
	case locking: // Flock.TryLock
		if w.held(p.file, i) && !m.noLock {
			m.busy(w, i, "TryLock is refused")
			return
		}
		p.locks, p.at = true, checking
		m.add("TryLock", i, w)
	case checking: // safefile.Names
		p.at = judging
		if p.file != w.lock {
			p.locks, p.file, p.at = false, 0, opening
		}
		m.add("Names", i, w)
	case judging:
		s := m.sight(&w)
		s.lock = LockFree
		if f := s.judge(); f.Running && f.PID != int(p.id) && !m.noJudge {
			m.busy(w, i, "judge says that it runs")
			return
		}
		p.at = claiming
		m.add("judge", i, w)
	case claiming:
		if m.guarded(&w, i) && !m.noGuard {
			m.busy(w, i, "claim is refused")
			return
		}
		p.guard, p.at = !m.noGuard, publishing
		if i != stop {
			w.entry[m.user(i)] = p.id
		}
		m.add("claim", i, w)
	}
}

// busy is ALREADY_RUNNING: a daemon ends by it, a stop has nothing to clear.
func (m *model) busy(w world, i int, why string) {
	w.end(i, gone)
	if i == stop {
		w.p[i].at = done
	}
	m.add(why, i, w)
}

// daemon is supervise.Run.
func (m *model) daemon(w world, i int) {
	p := &w.p[i]
	switch p.at {
	case gone:
		if w.ids < maxIDs { // a person, or a manager
			w.ids++
			*p = process{at: opening, id: w.ids}
			m.add("start", i, w)
		}
	case publishing: // Lock.Write; without a directory it fails, and without a lock file there is none
		if w.lock == 0 {
			w.end(i, gone)
			m.add("Write fails", i, w)
			return
		}
		w.record, p.at = p.id, active
		p.on(&w, service.EventLaunch)
		p.on(&w, service.EventReady)
		m.add("Write, launch", i, w)
	case active:
		if p.asked {
			p.on(&w, service.EventStop)
			p.on(&w, service.EventGone)
			p.at = removing
			m.add("request, gone", i, w)
			return
		}
		m.heal(w, i)
	case removing: // Lock.Remove, and the end
		if s := m.sight(&w); w.record == p.id || s.match != matchIdentity {
			w.record = 0
		}
		w.entry[m.user(i)] = 0
		w.end(i, gone)
		m.add("Remove", i, w)
	default:
		m.acquire(w, i)
	}
}

// heal is daemon.heal.
func (m *model) heal(w world, i int) {
	p := &w.p[i]
	if p.file == w.lock && w.record == p.id {
		return
	}
	if p.file != w.lock {
		if w.held(w.lock, i) {
			if f := m.look(&w, i); f.PID == 0 || f.PID == int(p.id) {
				if !m.noHealLook {
					return // it is held for an instant: later
				}
				w.fault = "a daemon has given its place up to nobody"
			}
			w.p[i].asked = true
			m.add("Heal is too late", i, w)
			return
		}
		if w.lock == 0 {
			w.files++
			w.lock = w.files
		}
		p.file = w.lock
	}
	w.record = p.id
	m.add("Heal", i, w)
}

// stopping is Direct.Stop.
func (m *model) stopping(w world) {
	p := &w.p[stop]
	switch p.at {
	case looking:
		for j := range stop {
			if w.p[j].at == active {
				p.meant = w.p[j].id
			}
		}
		f := m.look(&w, stop)
		switch {
		case f.PID != 0:
			p.found, p.at = int8(f.PID), holding
		case f.Running:
			return // certain: look again
		case f.State == service.StateFailed || w.entry[0] != 0:
			p.at, p.clear = opening, true
		default:
			p.at = done
		}
		m.add("Look", stop, w)
	case holding: // proc.Open has verified the identity; Handle.Signal
		p.at = waiting
		if w.reused == p.found && m.noHandle {
			w.fault = "a stranger was signalled"
		}
		for j := range stop {
			if w.p[j].id == p.found && w.p[j].at != gone {
				w.p[j].asked = true
			}
		}
		if m.noIdentity && w.reused == p.found {
			w.fault = "a stranger was signalled"
		}
		m.add("Signal", stop, w)
	case waiting:
		if !w.alive(p.found) {
			p.at = looking
			if f := m.look(&w, stop); f.Running || f.State == service.StateStopped && w.entry[0] == 0 {
				p.at = done
			} else {
				p.at, p.clear = opening, true
			}
			m.add("Wait", stop, w)
		}
	case publishing: // the place is taken: clear
		w.record, w.entry[0] = 0, 0
		meant := p.meant
		w.end(stop, done)
		w.p[stop].meant = meant
		m.add("Remove", stop, w)
	case done:
	default:
		m.acquire(w, stop)
	}
}

// others are what nobody in the protocol does: deletions, kills, the reuse of a PID.
func (m *model) others(w world) {
	if w.deleted < m.deletes && (w.lock != 0 || w.record != 0) && (!m.onlyRun || w.alive(w.record)) {
		all := w
		all.deleted++
		all.lock = 0
		if !m.onlyRun {
			all.record = 0
		}
		m.next = append(m.next, step{"somebody deletes files", all})
	}
	for i := range stop {
		if w.p[i].at != gone && w.died < m.crashes {
			dead := w
			dead.died++
			dead.end(i, gone)
			m.next = append(m.next, step{"SIGKILL of " + string(rune('A'+i)), dead})
		}
	}
	for id := int8(1); id <= w.ids; id++ {
		if !w.alive(id) && w.reused == 0 {
			stranger := w
			stranger.reused = id
			m.next = append(m.next, step{fmt.Sprintf("a stranger gets PID %d", id), stranger})
		}
	}
}

// wrong says which promise w breaks, or "".
func (m *model) wrong(w *world) string {
	a, b := w.p[0].at == active, w.p[1].at == active
	f := m.look(w, reader)
	switch {
	case w.fault != "":
		return w.fault
	case a && b:
		return "two daemons at once"
	case (a || b) && !f.Running:
		return "status does not see the daemon"
	case f.Running && w.p[0].at == gone && w.p[1].at == gone:
		return "status says running, and only a stop is at work"
	case f.PID != 0 && !w.alive(int8(f.PID)):
		return "status names a process that is not the daemon"
	case w.p[stop].at == done && w.p[stop].meant != 0 && (a && w.p[0].id == w.p[stop].meant && !w.p[0].asked || b && w.p[1].id == w.p[stop].meant && !w.p[1].asked):
		return "a stop that was done has stopped nobody"
	}
	return ""
}

// search goes through every world that can be reached. It returns how many, and the steps to the first that breaks the promise, or any for "".
func search(v variant, promise string) (worlds int, trace []string) {
	m := &model{variant: v, ref: Ref{Path: "/p/.apex/daemon.pid", Project: "/p"}}
	first := world{}
	first.p[stop].at = looking
	type from struct {
		w    world
		name string
	}
	came := map[world]from{first: {}}
	for queue := []world{first}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		if bad := m.wrong(&w); bad != "" && (promise == "" || promise == bad) {
			trace = []string{bad}
			for w != first {
				trace = append([]string{came[w].name}, trace...)
				w = came[w].w
			}
			return len(came), trace
		}
		m.next = m.next[:0]
		m.daemon(w, 0)
		m.daemon(w, 1)
		m.stopping(w)
		m.others(w)
		for _, s := range m.next {
			if _, known := came[s.to]; !known {
				came[s.to] = from{w, s.name}
				queue = append(queue, s.to)
			}
		}
	}
	return len(came), nil
}

// TestModel searches the protocol exhaustively: there are never two daemons, no stop is lost, no stranger is signalled and no status lies. With a protection taken out the
// search finds how that happens, which shows that it would find it.
func TestModel(t *testing.T) {
	for _, row := range []struct {
		name string
		v    variant
		want string // "" is that no promise can be broken
	}{
		{"one user, killed daemons, deleted files", variant{users: 1, deletes: 1, crashes: 1}, ""},
		{"two users, killed daemons", variant{users: 2, crashes: 2}, ""},
		{"two users, the lock of a running daemon deleted", variant{users: 2, deletes: 1, crashes: 1, onlyRun: true}, ""},
		{"known: another user, all files deleted", variant{users: 2, deletes: 1}, "two daemons at once"},
		{"known: the same, and its status", variant{users: 2, deletes: 1}, "status does not see the daemon"},

		{"without the lock", variant{users: 2, noLock: true}, "two daemons at once"},
		{"without the guard", variant{users: 1, deletes: 1, noGuard: true}, "two daemons at once"},
		{"without the guard, status", variant{users: 1, deletes: 1, noGuard: true}, "status does not see the daemon"},
		{"without the lock, stop", variant{users: 2, noLock: true}, "a stop that was done has stopped nobody"},
		{"without looking who has the new lock", variant{users: 1, deletes: 1, noHealLook: true}, "a daemon has given its place up to nobody"},
		{"without looking at the record under a free lock", variant{users: 2, deletes: 1, onlyRun: true, noJudge: true}, "two daemons at once"},
		{"without a shared lock for who clears", variant{users: 1, crashes: 1, noShared: true}, "status says running, and only a stop is at work"},
		{"without a handle", variant{users: 1, crashes: 1, noHandle: true}, "a stranger was signalled"},
		{"without start times", variant{users: 1, crashes: 1, noIdentity: true}, "status names a process that is not the daemon"},
	} {
		t.Run(row.name, func(t *testing.T) {
			n, trace := search(row.v, row.want)
			got := ""
			if len(trace) > 0 {
				got = trace[len(trace)-1]
			}
			if got != row.want {
				t.Errorf("%d worlds: %q, want %q:\n  %s", n, got, row.want, strings.Join(trace, "\n  "))
			}
			t.Logf("%d worlds", n)
		})
	}
}
