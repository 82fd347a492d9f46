package backends

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

const detachedVar = "BACKENDS_TEST_DETACHED"

// TestDetached is not a test: spawn executes it as the daemon of the PID file that detachedVar names. It takes requests and says which came; a daemon called
// busy does not end.
func TestDetached(*testing.T) {
	path := os.Getenv(detachedVar)
	if path == "" {
		return
	}
	if strings.Contains(path, "foreign") {
		fmt.Println("ready")
		<-time.After(patience)
		return
	}
	requests, stop, err := supervise.ListenRequests(pidfile.Ref{Path: path}, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer stop()
	dir, _ := os.Getwd()
	fmt.Fprintln(os.Stderr, dir)
	fmt.Println("ready")
	bound := time.After(patience)
	for {
		select {
		case r := <-requests:
			fmt.Println(r.By)
			if r.Kind != supervise.RequestReload && !strings.Contains(path, "busy") {
				return
			}
		case <-bound:
			return
		}
	}
}

// started is a detached process.
type started struct {
	t         *testing.T
	ref       pidfile.Ref
	p         child
	h         *proc.Handle
	out, errs *bufio.Reader
}

func startDetached(t *testing.T, name string) *started {
	t.Helper()
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, errsW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &started{t: t, ref: pidfile.Ref{Path: fmt.Sprintf(`C:\no project %x\.apex\%s.pid`, rand.Uint64(), name)}, out: bufio.NewReader(out), errs: bufio.NewReader(errs)}
	t.Setenv(detachedVar, s.ref.Path)
	s.p, err = spawn([]string{os.Args[0], "-test.run=^TestDetached$"}, os.TempDir(), outW, errsW)
	outW.Close()
	errsW.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p, err := os.FindProcess(s.p.pid); err == nil {
			_ = p.Kill()
			_ = p.Release()
		}
		s.p.wait()
		out.Close()
		errs.Close()
	})
	info, err := proc.Inspect(s.p.pid)
	if err != nil {
		t.Fatal(err)
	}
	if s.h, err = proc.Open(s.p.pid, info.Identity); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.h.Close() })
	s.says("ready")
	return s
}

func (s *started) says(want string) {
	s.t.Helper()
	if got, err := s.out.ReadString('\n'); err != nil || strings.TrimSpace(got) != want {
		s.t.Fatalf("the daemon says %q, %v, want %q", got, err, want)
	}
}

func TestRequests(t *testing.T) {
	s := startDetached(t, "daemon")
	if dir, err := s.errs.ReadString('\n'); err != nil || !strings.EqualFold(filepath.Clean(strings.TrimSpace(dir)), filepath.Clean(os.TempDir())) {
		t.Errorf("it runs in %q, %v", dir, err)
	}
	if err := requestReload(s.ref, s.h); err != nil {
		t.Fatal(err)
	}
	s.says("event reload")
	if err := requestStop(s.ref, s.h); err != nil {
		t.Fatal(err)
	}
	s.says("event stop")
	if err := s.h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := requestStop(s.ref, s.h); !errors.Is(err, proc.ErrNotFound) {
		t.Errorf("request to a process that is gone: %v", err)
	}
}

func TestRequestKill(t *testing.T) {
	s := startDetached(t, "daemon")
	if !requestKill(t.Context(), s.ref, s.h) {
		t.Error("it is not gone")
	}
	s.says("event kill")
}

// TestRequestKillOfOneThatHangs: the wait for it is bounded, and Stop then ends the process.
func TestRequestKillOfOneThatHangs(t *testing.T) {
	s := startDetached(t, "busy")
	began := time.Now()
	if requestKill(t.Context(), s.ref, s.h) {
		t.Error("it is gone")
	}
	if took := time.Since(began); took < killWait || took > killWait+patience/2 {
		t.Errorf("it took %s", took)
	}
}

// TestForeign: a process that has no events is told from one that is gone.
func TestForeign(t *testing.T) {
	s := startDetached(t, "foreign")
	if err := requestStop(s.ref, s.h); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, proc.ErrNotFound) {
		t.Errorf("requestStop: %v", err)
	}
	if requestKill(t.Context(), s.ref, s.h) {
		t.Error("requestKill: it is gone")
	}
}

// TestOtherDaemonOfTheProcess: a request goes to the daemon of one PID file.
func TestOtherDaemonOfTheProcess(t *testing.T) {
	s := startDetached(t, "daemon")
	if err := requestStop(pidfile.Ref{Path: s.ref.Path + "2"}, s.h); err == nil {
		t.Error("the request of another daemon arrived")
	}
}

const launcherVar = "BACKENDS_TEST_LAUNCHER"

// TestLauncher is not a test: it puts itself into a job that ends with it, as an ssh session does, and starts a daemon from there.
func TestLauncher(*testing.T) {
	mode := os.Getenv(launcherVar)
	if mode == "" {
		return
	}
	var limit windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limit.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if mode == "may leave" {
		limit.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err == nil {
		_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limit)), uint32(unsafe.Sizeof(limit)))
	}
	if err == nil {
		err = windows.AssignProcessToJobObject(job, windows.CurrentProcess())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := spawn([]string{os.Args[0], "-test.run=^TestDetached$"}, os.TempDir(), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.pid)
}

// TestJob: the daemon leaves the job of whoever starts it where it may, and is started all the same where it may not.
func TestJob(t *testing.T) {
	for _, tt := range []struct {
		mode     string
		survives bool
	}{{"may leave", true}, {"may not leave", false}} {
		t.Run(tt.mode, func(t *testing.T) {
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLauncher$")
			c.Env = append(os.Environ(), launcherVar+"="+tt.mode, detachedVar+"=foreign")
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			pid := 0
			for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
				pid, _ = strconv.Atoi(lines.Text())
			}
			if err := c.Wait(); pid == 0 {
				t.Fatalf("the launcher started nothing: %v", err)
			}
			info, err := proc.Inspect(pid)
			if lives := err == nil && !info.Zombie; lives != tt.survives {
				t.Errorf("the daemon lives: %v, want %v", lives, tt.survives)
			}
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Kill()
				_ = p.Release()
			}
		})
	}
}
