package winproc

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

const modeVar = "WINPROC_CHILD"

// TestMain is the workload too: what it does, modeVar says.
func TestMain(m *testing.M) {
	switch mode := os.Getenv(modeVar); mode {
	case "":
		os.Exit(m.Run())
	case "args":
		_ = json.NewEncoder(os.Stdout).Encode(os.Args)
	case "env":
		_ = json.NewEncoder(os.Stdout).Encode(os.Environ())
	case "stdin":
		b, err := io.ReadAll(os.Stdin)
		fmt.Println(len(b), err)
	case "fork", "fork-and-go": // a child that waits, which it names
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), modeVar+"=wait")
		c.Stdout = os.Stdout
		if err := c.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(c.Process.Pid)
		if mode == "fork" {
			_ = c.Wait()
		}
	case "wait":
		<-time.After(patience)
	case "owner": // starts a tree that forks, and is then killed
		t, err := Start(Command{Path: os.Args[0], Args: os.Args[:1], Dir: ".", Env: append(os.Environ(), modeVar+"=fork"), Out: os.Stdout}, func() {})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(t.PID())
		<-time.After(patience)
	default:
		n, _ := strconv.ParseUint(mode, 0, 32)
		windows.ExitProcess(uint32(n))
	}
	os.Exit(0)
}

// run is a tree that was started for a test.
type run struct {
	*Tree
	t       *testing.T
	out     *bufio.Reader
	changed chan struct{}
}

func start(t *testing.T, c Command, mode string) *run {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if c.Path == "" {
		c.Path = os.Args[0]
	}
	if c.Args == nil {
		c.Args = []string{c.Path}
	}
	if c.Env == nil {
		c.Env = os.Environ()
	}
	c.Dir, c.Out, c.Env = filepath.Dir(c.Path), w, append(slices.Clip(c.Env), modeVar+"="+mode)
	changed := make(chan struct{}, 1)
	tree, err := Start(c, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	x := &run{tree, t, bufio.NewReader(r), changed}
	t.Cleanup(func() {
		_ = x.Kill(9)
		x.wait(func(_ uint32, _, empty bool) bool { return empty })
		r.Close()
	})
	return x
}

// wait looks whenever something has changed, until done. It never asks in between.
func (r *run) wait(done func(code uint32, ended, empty bool) bool) uint32 {
	r.t.Helper()
	bound := time.NewTimer(patience)
	defer bound.Stop()
	for {
		code, ended, empty := r.Look()
		if done(code, ended, empty) {
			return code
		}
		select {
		case <-r.changed:
		case <-bound.C:
			r.t.Fatalf("code %d, ended %v, empty %v, and nothing changes", code, ended, empty)
		}
	}
}

func (r *run) end() uint32 {
	r.t.Helper()
	return r.wait(func(_ uint32, _, empty bool) bool { return empty })
}

func (r *run) line() string {
	r.t.Helper()
	s, err := r.out.ReadString('\n')
	if err != nil {
		r.t.Fatalf("the output ended with %q: %v", s, err)
	}
	return strings.TrimSpace(s)
}

func alive(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.ParseUint(pid, 10, 32)
	if err != nil {
		t.Fatalf("no PID: %v", err)
	}
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(n))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	ev, err := windows.WaitForSingleObject(h, 0)
	return err == nil && ev == uint32(windows.WAIT_TIMEOUT)
}

// gone waits for the end of a process that was told to end.
func gone(t *testing.T, pid string) {
	t.Helper()
	n, _ := strconv.ParseUint(pid, 10, 32)
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(n))
	if err != nil {
		return
	}
	defer windows.CloseHandle(h)
	if ev, err := windows.WaitForSingleObject(h, uint32(patience/time.Millisecond)); err != nil || ev != windows.WAIT_OBJECT_0 {
		t.Errorf("process %s is still there", pid)
	}
}

func TestExitCodes(t *testing.T) {
	for _, code := range []uint32{3, 255, 256, 0xC0000005, 0xFFFFFFFF} {
		x := start(t, Command{}, strconv.FormatUint(uint64(code), 10))
		if got := x.end(); got != code {
			t.Errorf("code %#x, want %#x", got, code)
		}
		if got, ended, empty := x.Look(); got != code || !ended || !empty {
			t.Errorf("later: %#x, %v, %v", got, ended, empty)
		}
		if err := x.Kill(1); err != nil {
			t.Errorf("Kill of what is gone: %v", err)
		}
	}
}

func TestKillTakesTheTree(t *testing.T) {
	x := start(t, Command{}, "fork")
	child := x.line()
	if !alive(t, child) {
		t.Fatal("the child does not live")
	}
	if _, ended, empty := x.Look(); ended || empty {
		t.Errorf("ended %v, empty %v of a tree that lives", ended, empty)
	}
	if err := x.Kill(137); err != nil {
		t.Fatal(err)
	}
	if code := x.end(); code != 137 {
		t.Errorf("code %d", code)
	}
	gone(t, child)
}

// TestOutlived: the program ends before what it started, and the end of that is an event too.
func TestOutlived(t *testing.T) {
	x := start(t, Command{}, "fork-and-go")
	child := x.line()
	x.wait(func(_ uint32, ended, _ bool) bool { return ended })
	if code, _, empty := x.Look(); code != 0 || empty || !alive(t, child) {
		t.Fatalf("code %d, empty %v, its child lives: %v", code, empty, alive(t, child))
	}
	n, _ := strconv.Atoi(child)
	p, err := os.FindProcess(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	x.end()
}

// TestOwnerKilled: the kernel ends the tree of a process that was killed.
func TestOwnerKilled(t *testing.T) {
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), modeVar+"=owner")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var pids []string
	for len(pids) < 2 && lines.Scan() {
		pids = append(pids, lines.Text())
	}
	for _, pid := range pids {
		if !alive(t, pid) {
			t.Fatalf("%q does not live", pids)
		}
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
	_ = c.Wait()
}

func TestStandardInput(t *testing.T) {
	if got := start(t, Command{}, "stdin").line(); got != "0 <nil>" {
		t.Errorf("reading standard input gives %q, want its end", got)
	}
}

// TestNothingElseInherited: a file that this process has open inheritably, and that goes with its last handle, is gone when this process closes it.
func TestNothingElseInherited(t *testing.T) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("apexd-inherit-%x", rand.Uint64()))
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	sa := &windows.SecurityAttributes{InheritHandle: 1}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	h, err := windows.CreateFile(p, windows.GENERIC_WRITE, 0, sa, windows.CREATE_NEW, windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := start(t, Command{}, "fork")
	x.line() // it runs
	if err := windows.CloseHandle(h); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the workload has a handle that was not meant for it: %v", err)
	}
}

func TestEnvironmentArrives(t *testing.T) {
	env := append(os.Environ(), "APEX_A=1", "apex_a=größe 日本 😀", "APEX_EMPTY=", `APEX_Q=a "b" %c% \`)
	var got []string
	if err := json.Unmarshal([]byte(start(t, Command{Env: env}, "env").line()), &got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"apex_a=größe 日本 😀", "APEX_EMPTY=", `APEX_Q=a "b" %c% \`} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	if slices.Contains(got, "APEX_A=1") {
		t.Error("APEX_A is there twice")
	}
}

func TestRefused(t *testing.T) {
	self := os.Args[0]
	tests := []struct {
		name string
		c    Command
	}{
		{"missing", Command{Path: self + ".none.exe", Args: []string{"x"}, Dir: "."}},
		{"missing directory", Command{Path: self, Args: []string{"x"}, Dir: `C:\no such directory`}},
		{"NUL in an argument", Command{Path: self, Args: []string{"x", "a\x00b"}, Dir: "."}},
		{"NUL in the environment", Command{Path: self, Args: []string{"x"}, Dir: ".", Env: []string{"A=\x00"}}},
		{"argument of a batch file", Command{Path: `C:\x.cmd`, Args: []string{"x", `"&calc`}, Dir: "."}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.c.Out = os.Stdout
			if x, err := Start(tt.c, func() {}); err == nil {
				_ = x.Kill(1)
				t.Error("it was started")
			}
		})
	}
}
