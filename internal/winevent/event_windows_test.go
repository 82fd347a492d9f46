package winevent

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

func unique() string { return fmt.Sprintf("apexd-test-%016x", rand.Uint64()) }

// TestMain runs the other side of a test: another process.
func TestMain(m *testing.M) {
	switch os.Getenv("WINEVENT_CHILD") {
	case "set":
		if err := Set(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "wait": // opens the event by its full name, says so, waits for it
		p, err := windows.UTF16PtrFromString(os.Args[1])
		if err != nil {
			os.Exit(3)
		}
		h, err := windows.OpenEvent(windows.SYNCHRONIZE, false, p)
		if err != nil {
			os.Exit(4)
		}
		fmt.Println("open")
		if ev, err := windows.WaitForSingleObject(h, uint32(patience/time.Millisecond)); err != nil || ev != windows.WAIT_OBJECT_0 {
			os.Exit(5)
		}
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, mode, arg string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], arg)
	c.Env = append(os.Environ(), "WINEVENT_CHILD="+mode)
	c.WaitDelay = patience
	return c
}

func receive(t *testing.T, l *Listener) int {
	t.Helper()
	select {
	case i := <-l.C():
		return i
	case <-time.After(patience):
		t.Fatal("no event was heard")
		return -1
	}
}

func listen(t *testing.T, names ...string) *Listener {
	t.Helper()
	l, err := Listen(names...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestListen(t *testing.T) {
	names := []string{unique(), unique(), unique()}
	l := listen(t, names...)
	for _, i := range []int{0, 2, 1, 1, 0} {
		if out, err := child(t, "set", names[i]).CombinedOutput(); err != nil {
			t.Fatalf("Set in another process: %v: %s", err, out)
		}
		if got := receive(t, l); got != i {
			t.Errorf("heard %d, want %d", got, i)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := Set(names[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Set after Close: %v", err)
	}
}

// TestSetWhileNobodyReceives: a request that comes before the daemon's loop is not lost, and Close does not wait for a receiver.
func TestSetWhileNobodyReceives(t *testing.T) {
	name := unique()
	l := listen(t, name)
	for range 3 {
		if err := Set(name); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, l)
	if err := Set(name); err != nil {
		t.Fatal(err)
	}
	receive(t, l)
	if err := Set(name); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestSquatted(t *testing.T) {
	name := unique()
	e, err := Create(name, Auto)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(name, Auto); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of an event that exists: %v", err)
	}
	if _, err := Listen(unique(), name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Listen on an event that exists: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	l := listen(t, name)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestRefused: a name that no event can have.
func TestRefused(t *testing.T) {
	if _, err := Create("a\x00b", Auto); err == nil {
		t.Error("Create made it")
	}
	if err := Set("a\x00b"); err == nil {
		t.Error("Set found it")
	}
}

// TestWatched: an event that nobody has opened is told from one that a workload waits on.
func TestWatched(t *testing.T) {
	e, err := Create(unique(), Manual)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Watched() {
		t.Fatal("Watched before anybody has opened it")
	}
	c := child(t, "wait", e.Name())
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatalf("the child said nothing: %v", err)
	}
	if !e.Watched() {
		t.Error("not Watched while another process has it open")
	}
	if err := e.Set(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the child was not woken: %v", err)
	}
	if e.Watched() {
		t.Error("Watched after the other process has ended")
	}
}

// TestOnlyUs reads the security back: three entries, of which one is this user's.
func TestOnlyUs(t *testing.T) {
	e, err := Create(unique(), Auto)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	sd, err := windows.GetSecurityInfo(e.h, windows.SE_KERNEL_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	s := sd.String()
	if n := strings.Count(s, "("); n != 3 || !strings.Contains(s, ";SY)") || !strings.Contains(s, ";BA)") {
		t.Errorf("security %q", s)
	}
	if sid := user.User.Sid.String(); !strings.Contains(s, sid) && !strings.Contains(s, ";LA)") {
		t.Errorf("security %q has no entry for %s", s, sid)
	}
	if strings.Contains(s, ";WD)") || strings.Contains(s, ";AU)") {
		t.Errorf("security %q lets everybody", s)
	}
}
