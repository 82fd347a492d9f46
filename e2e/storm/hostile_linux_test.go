package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// roundsVariable is how often each row of TestHostileNeighbour goes through all verbs.
const roundsVariable = "APEXD_STORM_ROUNDS"

// The user IDs of TestHostileNeighbour: who owns the project, and who, besides root, runs apexd in it. They need not exist.
const (
	mallory = 4711
	alice   = 4712
)

// TestHostileNeighbour: mallory's project, in which root or alice runs apexd, while a process of mallory's swaps its files and .apex itself for others as fast as it
// can, between any check and any use. What it swaps them for leads to another project, whose daemon the victim runs: nothing there is made, changed, given away or
// removed, that daemon is not signalled, and no command hangs.
func TestHostileNeighbour(t *testing.T) {
	if os.Geteuid() != 0 {
		gate.Skip(t, "needs root, to be three users")
	}
	for _, uid := range []int{0, alice} {
		for _, trap := range []string{"directory link", "link", "hard link", "fifo", "directory"} {
			t.Run(fmt.Sprintf("user %d, %s", uid, trap), func(t *testing.T) { hostile(t, uid, trap) })
		}
	}
}

// swapped are the files of .apex that the attacker swaps.
func swapped() []string {
	return []string{"daemon.pid", "daemon.pid.lock", "daemon.log", "daemon.log.1", "daemon.log.idx", "daemon.history", "daemon.env", hostileSocket}
}

// hostileSocket is where the attacked project's workload listens. In the other project there is a stale one, which a daemon removes where it finds it in its own place.
const hostileSocket = "web.sock"

func hostile(t *testing.T, uid int, trap string) {
	prey, project := newPublic(t, uid), newPublic(t, uid)
	live := trap != "hard link" // a daemon whose own files have two names refuses them itself
	if live {
		prey.must("start", 0)
	}
	for _, name := range swapped() {
		prey.plant(name)
	}
	project.listens()
	project.chown(mallory, 0o777) // alice may run a daemon there
	traps := project.lay(trap, prey)
	before, pid := prey.snapshot(), prey.daemon()
	attacker := project.attacked(traps)
	counts, slow, slowest := map[string]int{}, time.Duration(0), ""
	for range rounds(t) {
		for _, args := range [][]string{
			{"status"}, {"start"}, {"status"}, {"logs", "-n", "5"}, {"history"}, {"reload"}, {"doctor"}, {"list"}, {"restart"}, {"stop"}, {"kill"}, {"status"},
		} {
			began := time.Now()
			a := project.run(args[0], args[1:]...)
			if took := time.Since(began); took > slow {
				slow, slowest = took, args[0]
			}
			counts[fmt.Sprintf("%s %d", args[0], a.Exit)]++
			if a.Exit < 0 {
				t.Errorf("%q: it hangs: %s", args, a.Text)
			}
		}
	}
	swaps := attacker()
	if after := prey.snapshot(); !reflect.DeepEqual(before, after) {
		t.Errorf("the other project was\n%v\nand is\n%v", before, after)
	}
	if now := prey.daemon(); now != pid {
		t.Errorf("the other project's daemon was PID %d and is %d", pid, now)
	}
	project.run("stop")
	if live {
		if now := prey.status(); !now.Running || now.pid() != pid {
			t.Errorf("the other project: %s", now)
		}
		prey.must("stop", 0)
	}
	t.Logf("%d swaps; slowest: %s, %s; exit statuses: %v", swaps, slowest, slow.Round(time.Millisecond), counts)
}

// chatter is a workload that writes enough for a log to be rotated.
const chatter = `echo ready; i=0; while [ $i -lt 400 ]; do echo "a line of the workload, to fill the log until it is rotated"; i=$((i+1)); done; exec sleep 600`

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(roundsVariable)
	if text == "" {
		return scaled(2, 1)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", roundsVariable, err)
	}
	return n
}

// public is a project that other users may enter, with a home of uid's.
type public struct {
	*project
	uid int
}

func newPublic(t *testing.T, uid int) *public {
	t.Helper()
	p := &public{newProject(t), uid}
	p.configure([]string{"/bin/sh", "-c", "echo ready; exec sleep 600"})
	for dir := p.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.chown(uid, 0o755)
	if err := os.Chown(p.home, uid, uid); err != nil {
		t.Fatal(err)
	}
	return p
}

// listens has the workload listen at a socket beside the record.
func (p *public) listens() {
	p.t.Helper()
	config, err := json.Marshal(map[string]any{"daemon": map[string]any{
		"command": []string{"/bin/sh", "-c", chatter}, "sockets": map[string]any{"web": "unix:.apex/" + hostileSocket}, "log": map[string]any{"maxSize": "8KiB", "maxFiles": 3},
	}})
	if err == nil {
		err = os.WriteFile(p.apex("config.yaml"), config, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// chown gives the whole project to a user.
func (p *public) chown(uid int, mode fs.FileMode) {
	p.t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, mode)
		}
		return errors.Join(err, os.Lchown(path, uid, uid))
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// run is project.run as the user.
func (p *public) run(verb string, args ...string) answer {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := p.command(ctx, verb, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)}}
	cmd.Stdout, cmd.Stderr = &out, &errs
	return answered(cmd, cmd.Run(), out.Bytes(), errs.String())
}

func (p *public) must(verb string, want int) {
	p.t.Helper()
	if a := p.run(verb); a.Exit != want {
		p.t.Fatalf("%s: exit status %d, want %d: %s", verb, a.Exit, want, a.Text)
	}
}

func (p *public) daemon() int {
	if all := p.scan().Daemons; len(all) == 1 {
		return all[0]
	}
	return 0
}

// plant makes a file that is worth something where there is none.
func (p *public) plant(name string) {
	p.t.Helper()
	if name == hostileSocket {
		if err := errors.Join(staleSocket(p.apex(name)), os.Chown(p.apex(name), p.uid, p.uid)); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	f, err := os.OpenFile(p.apex(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return
	}
	if err == nil {
		_, err = f.WriteString("PRECIOUS=1\n")
		err = errors.Join(err, f.Chown(p.uid, p.uid), f.Close())
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// staleSocket makes a socket at which nobody listens.
func staleSocket(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Close(fd))
}

// snapshot is everything of .apex: names, modes, owners, times, contents. Not the number of names: one that the attacker has made in the other project, in the moment
// between a look and a rename, is replaced, which takes nothing from the file.
func (p *public) snapshot() []string {
	p.t.Helper()
	entries, err := os.ReadDir(p.apex(""))
	if err != nil {
		p.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			p.t.Fatal(err)
		}
		var b []byte
		if fi.Mode().IsRegular() {
			b, err = os.ReadFile(p.apex(e.Name()))
		}
		if err != nil {
			p.t.Fatal(err)
		}
		st := fi.Sys().(*syscall.Stat_t)
		all = append(all, fmt.Sprintln(e.Name(), fi.Mode(), st.Uid, st.Gid, fi.ModTime().UnixNano(), string(b)))
	}
	return all
}

// lay makes traps beside what they will take the place of, and returns both: path and trap, by turns.
func (p *public) lay(kind string, prey *public) []string {
	p.t.Helper()
	if kind == "directory link" {
		link := filepath.Join(p.dir, ".trap")
		if err := os.Symlink(prey.apex(""), link); err != nil {
			p.t.Fatal(err)
		}
		return []string{p.apex(""), link}
	}
	var all []string
	for _, name := range swapped() {
		path, trap := p.apex(name), filepath.Join(p.dir, ".trap."+name)
		var err error
		switch kind {
		case "link":
			err = os.Symlink(prey.apex(name), trap)
		case "hard link":
			err = os.Link(prey.apex(name), trap)
		case "fifo":
			err = unix.Mkfifo(trap, 0o666)
		case "directory":
			err = errors.Join(os.Mkdir(trap, 0o777), os.Chown(trap, mallory, mallory))
		}
		if err != nil {
			p.t.Fatal(err)
		}
		all = append(all, path, trap)
	}
	return all
}

// attacked starts the attacker, who is mallory. The function ends it and returns how often it has swapped.
func (p *public) attacked(traps []string) func() int {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), self, append([]string{"attacker"}, traps...)...)
	end, err := cmd.StdinPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return func() int {
		p.t.Helper()
		end.Close()
		err := cmd.Wait()
		n, e := strconv.Atoi(strings.TrimSpace(out.String()))
		if err != nil || e != nil || n == 0 {
			p.t.Errorf("the attacker: %v, %v: %s", err, e, out.String())
		}
		return n
	}
}

// attacker PATH TRAP… becomes mallory and, until its standard input ends, lets a random trap take its path's place for a moment. It prints how often it has.
func attacker(names []string) int {
	if err := errors.Join(syscall.Setgid(mallory), syscall.Setuid(mallory)); err != nil {
		fmt.Println(err)
		return 1
	}
	var traps []trap
	for i := 0; i+1 < len(names); i += 2 {
		traps = append(traps, newTrap(names[i], names[i+1]))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = os.Stdin.Read(make([]byte, 1)) // its end is the word
	}()
	for swaps := 0; ; {
		select {
		case <-ended:
			fmt.Println(swaps)
			return 0
		default:
			if traps[rand.IntN(len(traps))].spring() {
				swaps++
			}
		}
	}
}

// trap is what takes the place of path for a moment. What it is of is known, so that it can be made again.
type trap struct {
	path, name, target string
	mode               fs.FileMode
}

func newTrap(path, name string) trap {
	t := trap{path: path, name: name}
	if fi, err := os.Lstat(name); err == nil {
		t.mode = fi.Mode()
	}
	t.target, _ = os.Readlink(name) // "" of what is no link
	return t
}

// spring swaps, and swaps back. Somebody may have removed or replaced the trap meanwhile: then what was there is put back, and the trap is made again.
func (t trap) spring() bool {
	if swap(t.path, t.name) != nil {
		return false // there is nothing in its place
	}
	spin()
	if swap(t.path, t.name) != nil {
		_ = os.Rename(t.name, t.path) // an empty directory is in the way at worst
		_ = os.RemoveAll(t.name)
		switch {
		case t.target != "":
			_ = os.Symlink(t.target, t.name)
		case t.mode&fs.ModeNamedPipe != 0:
			_ = unix.Mkfifo(t.name, 0o666)
		case t.mode.IsDir():
			_ = os.Mkdir(t.name, 0o777)
		}
	}
	spin()
	return true
}

// spin takes a moment, too short for anything that waits.
func spin() {
	for end := time.Now().Add(time.Duration(rand.IntN(300)) * time.Microsecond); time.Now().Before(end); {
	}
}

// swap exchanges two names in one step (renameat2(2)).
func swap(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
