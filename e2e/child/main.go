// Command child is the workload of the conformance suite, and the few things that a suite must be another process to do:
//
//	child SCRIPT [ARG...]              play a servicetest.Script, in JSON
//	child -own FILE TEXT PROGRAM ARG…  write TEXT to FILE, every @PID@ in it replaced by its own PID, and become PROGRAM
//	child -frozen DIR PROGRAM ARG…     become PROGRAM where DIR is read-only (Linux, root)
//	child -contained PROGRAM ARG…      become PROGRAM, as PID 1, with a /proc of its namespace (Linux, root, in new PID and mount namespaces)
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const exitUsage = 125

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	err := errors.New("no arguments")
	if len(args) > 0 {
		switch args[0] {
		case "-own":
			err = own(args[1:])
		case "-frozen":
			err = frozen(args[1:])
		case "-contained":
			err = contained(args[1:])
		default:
			return play(args)
		}
	}
	fmt.Fprintln(os.Stderr, "child:", err)
	return exitUsage
}

func play(args []string) int {
	var s servicetest.Script
	if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return exitUsage
	}
	p := &process{args: args[1:], signals: watchSignals()}
	return end(servicetest.Play(p, s))
}

// end returns the exit status, or does not return where a signal is the end.
func end(e service.Exit) int {
	if e.Signal == "" {
		return e.Code
	}
	raise(e.Signal)
	return 1
}

var errTooFew = errors.New("too few arguments")

func own(args []string) error {
	if len(args) < 3 {
		return errTooFew
	}
	text := strings.ReplaceAll(args[1], "@PID@", strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(args[0], []byte(text), 0o644); err != nil {
		return err
	}
	return become(args[2:])
}

// process is the servicetest.Actor that is a process.
type process struct {
	args    []string
	signals <-chan string
}

var _ servicetest.Actor = (*process)(nil)

func (p *process) Hello() servicetest.Hello {
	h := servicetest.Hello{PID: os.Getpid(), PPID: os.Getppid(), Args: bytesOf(p.args), Env: bytesOf(os.Environ())}
	h.Dir, _ = os.Getwd() // the case compares it with what it wants
	return h
}

func bytesOf(words []string) [][]byte {
	all := make([][]byte, len(words))
	for i, w := range words {
		all[i] = []byte(w)
	}
	return all
}

func (p *process) Print(line string) { fmt.Fprintln(os.Stdout, line) }

func (p *process) Signals() <-chan string { return p.signals }

func (p *process) Killed() <-chan struct{} { return nil }

// Spawn leaves the new process alone: nobody waits for it here.
func (p *process) Spawn(s servicetest.Script) error {
	script, err := json.Marshal(s)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child, err := os.StartProcess(self, []string{self, string(script)}, &os.ProcAttr{
		Files: []*os.File{nil, os.Stdout, os.Stderr}, Sys: spawnAttr(s.Session),
	})
	if err != nil {
		return err
	}
	return child.Release()
}
