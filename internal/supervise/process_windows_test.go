package supervise

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/internal/winevent"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

const workloadVar = "SUPERVISE_TEST_WORKLOAD"

// TestWorkload is not a test: startProcess executes it as the workload that workloadVar names.
func TestWorkload(*testing.T) {
	switch os.Getenv(workloadVar) {
	case "polite": // waits for its event and takes its leave
		p, err := windows.UTF16PtrFromString(os.Getenv(StopEventVar))
		if err != nil {
			os.Exit(90)
		}
		h, err := windows.OpenEvent(windows.SYNCHRONIZE, false, p)
		if err != nil {
			os.Exit(91)
		}
		fmt.Println("waiting")
		if ev, err := windows.WaitForSingleObject(h, uint32(patience/time.Millisecond)); err != nil || ev != windows.WAIT_OBJECT_0 {
			os.Exit(92)
		}
		os.Exit(42)
	case "deaf":
		fmt.Println("waiting")
		<-time.After(patience)
	case "parent": // leaves a polite child behind
		c := exec.Command(os.Args[0], os.Args[1:]...)
		c.Env = append(os.Environ(), workloadVar+"=polite")
		c.Stdout = os.Stdout
		if c.Start() != nil {
			os.Exit(93)
		}
		os.Exit(5)
	case "quick":
		os.Exit(7)
	}
}

// workload is a started tree with what loop would have around it.
type workload struct {
	tree
	t    *testing.T
	wake chan os.Signal
	out  *bufio.Reader
}

func start(t *testing.T, mode string) *workload {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	x := &workload{t: t, wake: make(chan os.Signal, 1), out: bufio.NewReader(r)}
	spec := service.Spec{Command: []string{os.Args[0], "-test.run=^TestWorkload$"}, Dir: filepath.Dir(os.Args[0])}
	if x.tree, err = startProcess(spec, append(os.Environ(), workloadVar+"="+mode), w, x.wake, true, &sockets.Holder{}); err != nil {
		r.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		x.kill()
		x.until(func(_ *service.Exit, empty bool) bool { return empty })
		r.Close()
	})
	return x
}

// until looks at each wake-up, and at no other time.
func (x *workload) until(done func(e *service.Exit, empty bool) bool) *service.Exit {
	x.t.Helper()
	bound := time.NewTimer(patience)
	defer bound.Stop()
	for {
		e, empty := x.look()
		if done(e, empty) {
			return e
		}
		select {
		case <-x.wake:
		case <-bound.C:
			x.t.Fatalf("exit %+v, empty %v, and no wake-up", e, empty)
		}
	}
}

func (x *workload) end() service.Exit {
	x.t.Helper()
	return *x.until(func(_ *service.Exit, empty bool) bool { return empty })
}

func (x *workload) waits() {
	x.t.Helper()
	if s, err := x.out.ReadString('\n'); err != nil || strings.TrimSpace(s) != "waiting" {
		x.t.Fatalf("the workload says %q, %v", s, err)
	}
}

func TestStopEvent(t *testing.T) {
	x := start(t, "polite")
	x.waits()
	if err := x.ask("SIGTERM"); err != nil {
		t.Fatal(err)
	}
	if e := x.end(); e.Code != 42 || e.Signal != "" {
		t.Errorf("exit %+v", e)
	}
	if err := x.ask("SIGTERM"); err != nil {
		t.Errorf("signal after the end: %v", err)
	}
}

// TestStopEventReachesAll: what the main process left behind is asked too, and its end is noticed.
func TestStopEventReachesAll(t *testing.T) {
	x := start(t, "parent")
	x.waits()
	e := x.until(func(e *service.Exit, _ bool) bool { return e != nil })
	if _, empty := x.look(); e.Code != 5 || empty {
		t.Fatalf("exit %+v, empty %v", e, empty)
	}
	if err := x.ask("SIGTERM"); err != nil {
		t.Fatal(err)
	}
	if e := x.end(); e.Code != 5 {
		t.Errorf("exit %+v", e)
	}
}

func TestKill(t *testing.T) {
	x := start(t, "deaf")
	x.waits()
	if err := x.signal("SIGHUP"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SIGHUP: %v", err)
	}
	x.kill()
	if e := x.end(); e.Signal != "SIGKILL" || e.Code != -1 {
		t.Errorf("exit %+v", e)
	}
}

func TestExit(t *testing.T) {
	if e := start(t, "quick").end(); e.Code != 7 || e.Signal != "" || time.Since(e.At) > patience {
		t.Errorf("exit %+v", e)
	}
}

// TestNoHandleLeft: a workload that is restarted for years costs nothing.
func TestNoHandleLeft(t *testing.T) {
	start(t, "quick").end() // what is made once
	before := handleCount(t)
	const times = 6
	for range times {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		x := &workload{t: t, wake: make(chan os.Signal, 1)}
		spec := service.Spec{Command: []string{os.Args[0], "-test.run=^TestWorkload$"}, Dir: filepath.Dir(os.Args[0])}
		if x.tree, err = startProcess(spec, append(os.Environ(), workloadVar+"=quick"), w, x.wake, true, &sockets.Holder{}); err != nil {
			t.Fatal(err)
		}
		x.end()
		r.Close()
		w.Close()
	}
	if after := handleCount(t); after > before+times/2 { // the runtime's threads come and go
		t.Errorf("%d handles before, %d after %d runs", before, after, times)
	}
}

func handleCount(t *testing.T) uint32 {
	t.Helper()
	var n uint32
	p := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if ok, _, err := p.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal(err)
	}
	return n
}

func TestBadFormat(t *testing.T) {
	path := filepath.Join(os.TempDir(), fmt.Sprintf("apexd-%x.exe", rand.Uint64()))
	if err := os.WriteFile(path, []byte("console.log('not a program')"), 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	_, err := startProcess(service.Spec{Command: []string{path}, Dir: os.TempDir()}, os.Environ(), os.Stdout, nil, true, &sockets.Holder{})
	if err == nil || !isExecFormat(err) || Hint(err) == "" {
		t.Errorf("startProcess: %v", err)
	}
}

// TestLookPathExtensions: npm is npm.cmd, though a file called npm is there too.
func TestLookPathExtensions(t *testing.T) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("apexd-%x", rand.Uint64()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	names := []string{"npm", "npm.cmd", "tool.exe", "script.js"}
	t.Cleanup(func() { // one by one: Wine 8 cannot do os.RemoveAll
		for _, n := range names {
			os.Remove(filepath.Join(dir, n))
		}
		os.Remove(dir)
	})
	for _, n := range names {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=nothing", "Path=" + dir, "PathExt=.COM;.EXE;.BAT;.CMD;.JS"}
	tests := []struct{ name, command, want string }{
		{"by PATHEXT", "npm", "npm.cmd"},
		{"as it is", "tool.exe", "tool.exe"},
		{"without its extension", "tool", "tool.exe"},
		{"a script, for CreateProcess to refuse", "script.js", "script.js"},
		{"no shell's extensions", "script", ""},
		{"a path", `.\npm`, "npm.cmd"},
		{"another name", "node", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookPath(tt.command, dir, env)
			switch {
			case tt.want == "" && !errors.Is(err, errNoProgram):
				t.Errorf("lookPath = %q, %v", got, err)
			case tt.want != "" && (err != nil || !strings.EqualFold(got, filepath.Join(dir, tt.want))):
				t.Errorf("lookPath = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestListenRequests(t *testing.T) {
	ref := pidfile.Ref{Path: fmt.Sprintf(`C:\no such project %x\.apex\daemon.pid`, rand.Uint64())}
	console := make(chan os.Signal, 1)
	requests, stop, err := ListenRequests(ref, console)
	if err != nil {
		t.Fatal(err)
	}
	self, err := proc.Self()
	if err != nil {
		t.Fatal(err)
	}
	set := func(verb string) func() error {
		return func() error { return winevent.Set(winevent.Name(ref.Path, self.PID, self.Identity.StartTime, verb)) }
	}
	tests := []struct {
		name string
		ask  func() error
		want RequestKind
	}{
		{"stop", set(winevent.Stop), RequestStop},
		{"stop again", set(winevent.Stop), RequestStop},
		{"reload", set(winevent.Reload), RequestReload},
		{"kill", set(winevent.Kill), RequestKill},
		{"Ctrl-C", func() error { console <- os.Interrupt; return nil }, RequestStop},
		{"shutdown", func() error { console <- windows.SIGTERM; return nil }, RequestStop},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.ask(); err != nil {
				t.Fatal(err)
			}
			select {
			case r := <-requests:
				if r.Kind != tt.want || r.By == "" {
					t.Errorf("%+v", r)
				}
			case <-time.After(patience):
				t.Fatal("no request")
			}
		})
	}
	if err := set(winevent.Stop)(); err != nil { // stop does not wait for somebody to take this
		t.Fatal(err)
	}
	stop()
	if set(winevent.Stop)() == nil {
		t.Error("the events are still there")
	}
}
