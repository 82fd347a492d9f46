//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
)

// job is one loaded job. The machine's lock guards it.
type job struct {
	m      *machine
	domain string
	path   string
	p      launchd.PropertyList

	state    string
	pid      int // 0 while nothing runs
	runs     int
	ended    bool
	last     syscall.WaitStatus
	failed   bool // the program could not be executed: EX_CONFIG
	spawned  time.Time
	pended   bool
	again    *time.Timer // the next spawn
	kill     *time.Timer // after ExitTimeOut
	removing bool
}

// The states that launchd shows.
const (
	stateNotRunning = "not running"
	stateScheduled  = "spawn scheduled"
	stateRunning    = "running"
	stateTermed     = "SIGTERMed"
	stateKilled     = "SIGKILLed"
)

const (
	defaultThrottle = 10 * time.Second // launchd.plist(5), ThrottleInterval
	defaultTimeOut  = 5                // seconds, as print shows it; the page says 20
	exConfig        = 78               // EX_CONFIG of sysexits.h
)

// spawn starts the program.
func (j *job) spawn() {
	j.stopTimers()
	j.pended, j.state, j.spawned = false, stateRunning, time.Now()
	j.runs++
	pid, err := j.start()
	if err != nil {
		fmt.Fprintf(os.Stderr, "fakelaunchd: %s: %v\n", j.p.Label, err)
		j.failed = true
		j.afterEnd()
		return
	}
	j.failed, j.pid = false, pid
	j.m.byPID[pid] = j
}

// start executes the program as the leader of a session of its own, with /dev/null for everything and launchd's environment.
func (j *job) start() (int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	env, cred, err := j.account()
	if err != nil {
		return 0, err
	}
	for k, v := range j.p.EnvironmentVariables {
		env = append(env, k+"="+v)
	}
	dir := j.p.WorkingDirectory
	if dir == "" {
		dir = "/"
	}
	p, err := os.StartProcess(j.p.ProgramArguments[0], j.p.ProgramArguments, &os.ProcAttr{
		Dir: dir, Env: env, Files: []*os.File{null, null, null}, Sys: &syscall.SysProcAttr{Setsid: true, Credential: cred},
	})
	if err != nil {
		return 0, err
	}
	pid := p.Pid
	return pid, p.Release() // reap waits for everybody
}

// exited is called when the process has ended. What is left of its process group goes with it (launchd.plist(5), AbandonProcessGroup).
func (j *job) exited(status syscall.WaitStatus) {
	j.killGroup()
	delete(j.m.byPID, j.pid)
	j.pid, j.ended, j.last = 0, true, status
	j.stopTimers()
	if j.removing {
		j.again = time.AfterFunc(j.m.o.Release, j.release)
		return
	}
	j.afterEnd()
}

// release frees the label.
func (j *job) release() {
	j.m.mu.Lock()
	defer j.m.mu.Unlock()
	if jobs := j.m.domains[j.domain]; jobs[j.p.Label] == j {
		delete(jobs, j.p.Label)
	}
}

// afterEnd decides whether and when it is spawned again.
func (j *job) afterEnd() {
	j.state = stateNotRunning
	if j.keptAlive() {
		j.schedule()
	}
}

// keptAlive is launchd.plist(5), KeepAlive.
func (j *job) keptAlive() bool {
	k := j.p.KeepAlive
	if k == nil {
		return false
	}
	good := !j.failed && j.last.Exited() && j.last.ExitStatus() == 0
	return good == k.SuccessfulExit
}

// schedule spawns it when ThrottleInterval allows: not sooner than that after the last spawn.
func (j *job) schedule() {
	throttle := defaultThrottle
	if j.p.ThrottleInterval > 0 {
		throttle = time.Duration(j.p.ThrottleInterval) * time.Second
	}
	if j.pended = j.m.o.Pend; j.pended {
		return
	}
	j.state = stateScheduled
	j.again = time.AfterFunc(time.Until(j.spawned.Add(throttle)), func() {
		j.m.mu.Lock()
		defer j.m.mu.Unlock()
		if j.state == stateScheduled && !j.removing {
			j.spawn()
		}
	})
}

// bootOut asks the process to end, and makes it when ExitTimeOut is over.
func (j *job) bootOut() {
	j.stopTimers()
	j.removing = true
	if j.pid == 0 {
		j.release0()
		return
	}
	j.state = stateTermed
	_ = syscall.Kill(j.pid, syscall.SIGTERM) // it is our child and not reaped yet
	timeout := defaultTimeOut
	if j.p.ExitTimeOut > 0 {
		timeout = j.p.ExitTimeOut
	}
	j.kill = time.AfterFunc(time.Duration(timeout)*time.Second, func() {
		j.m.mu.Lock()
		defer j.m.mu.Unlock()
		if j.pid != 0 {
			j.state = stateKilled
			_ = syscall.Kill(j.pid, syscall.SIGKILL)
		}
	})
}

// release0 frees the label of a job without a process, which takes no time.
func (j *job) release0() { delete(j.m.domains[j.domain], j.p.Label) }

func (j *job) killGroup() {
	if j.pid != 0 {
		_ = syscall.Kill(-j.pid, syscall.SIGKILL) // nobody may be left in it
	}
}

func (j *job) stopTimers() {
	for _, t := range []*time.Timer{j.again, j.kill} {
		if t != nil {
			t.Stop()
		}
	}
}

// signal sends sig to the process.
func (j *job) signal(sig syscall.Signal) error {
	if j.pid == 0 {
		return errors.New("no process")
	}
	return syscall.Kill(j.pid, sig)
}
