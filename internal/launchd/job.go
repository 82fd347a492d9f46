package launchd

import (
	"fmt"
	"strconv"
	"strings"
)

// Job is what launchd says of a loaded job. What it does not say is zero.
type Job struct {
	Domain   Domain
	State    string // launchd's own word: StateRunning, StateScheduled …
	PID      int    // 0 while no process runs
	Runs     int    // how often it was spawned since it was loaded
	Exited   bool   // it has ended at least once
	ExitCode int    // of the last end, when Exited and Signal is ""
	Signal   string // that ended it the last time, as launchd writes it: "Killed: 9"
	Path     string // its property list; "(submitted by …)" of a job without one
	Pended   string // why launchd puts a spawn off, "": "speculative", "inefficient"
}

// States of a job, as far as anything depends on them. Others have been seen: "waiting", "exited", "xpcproxy", "spawning".
const (
	StateRunning    = "running"
	StateNotRunning = "not running"
	StateScheduled  = "spawn scheduled" // launchd will start it, when the throttle interval or a condition allows
	StateTermed     = "SIGTERMed"       // it was asked to end
	StateKilled     = "SIGKILLed"       // it was made to
)

// Ending reports whether launchd has asked its process to end.
func (j Job) Ending() bool { return j.State == StateTermed || j.State == StateKilled }

// Native is launchd's own word for people.
func (j Job) Native() string {
	s := j.State
	switch {
	case j.PID != 0:
	case j.Signal != "":
		s += ", last terminating signal " + j.Signal
	case j.Exited:
		s += fmt.Sprintf(", last exit code %d", j.ExitCode)
	}
	if j.Pended != "" && j.PID == 0 {
		s += ", pended: " + j.Pended
	}
	return s
}

// parsePrint reads the answer of `launchctl print TARGET`, which is for people and has changed over the years: only lines that belong to the job itself are read, the
// blocks inside of it having a "state" and more of their own, and any may be missing. It reports false for a text that is no such answer.
func parsePrint(text string) (Job, bool) {
	var j Job
	depth, ok := 0, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, "{"):
			depth++
			ok = true
		case line == "}":
			depth--
		case depth == 1:
			if key, value, is := strings.Cut(line, " = "); is {
				j.set(key, strings.TrimSpace(value))
			}
		}
	}
	return j, ok && j.State != ""
}

// set takes one line over. The first counts, since a later one could only be of a block whose beginning was not recognised.
func (j *Job) set(key, value string) {
	switch key {
	case "state":
		if j.State == "" {
			j.State = value
		}
	case "pid":
		j.PID = leading(value)
	case "runs":
		j.Runs = leading(value)
	case "path":
		j.Path = value
	case "last exit code": // "0", "(never exited)", "78: EX_CONFIG"
		if digits(value) > 0 {
			j.Exited, j.ExitCode = true, leading(value)
		}
	case "last terminating signal": // in place of the exit code: "Killed: 9"
		j.Exited, j.Signal = true, value
	case "pended nondemand spawn":
		if value != "false" {
			j.Pended = value
		}
	}
}

// digits counts those that s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// leading is the number that s begins with, 0 without one.
func leading(s string) int {
	n, err := strconv.Atoi(s[:digits(s)])
	if err != nil {
		return 0
	}
	return n
}

// parseList reads the answer of `launchctl list LABEL`, the older form: `"PID" = 123;`, `"LastExitStatus" = 256;`, the latter as wait(2) has it.
func parseList(text string) (Job, bool) {
	j := Job{State: StateNotRunning}
	depth, ok := 0, false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, "{"):
			depth++
			ok = true
		case strings.HasPrefix(line, "}"):
			depth--
		case depth == 1:
			key, value, _ := strings.Cut(strings.TrimSuffix(line, ";"), " = ")
			j.setListed(strings.Trim(key, `"`), value)
		}
	}
	return j, ok
}

func (j *Job) setListed(key, value string) {
	switch n := leading(value); key {
	case "PID":
		j.State, j.PID = StateRunning, n
	case "LastExitStatus":
		j.Exited, j.ExitCode = true, n>>8
		if sig := n & 0x7f; sig != 0 {
			j.Signal = "signal: " + strconv.Itoa(sig)
		}
	}
}

// parseDisabled reads the answer of `launchctl print-disabled DOMAIN`: `"label" => true` means disabled in older ones, which newer ones write as `=> disabled`. A label that
// is not there has no override and is not disabled, unless its property list says so.
func parseDisabled(text, label string) bool {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if ok && key == strconv.Quote(label) {
			return value == "true" || value == "disabled"
		}
	}
	return false
}
