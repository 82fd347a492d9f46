package backends_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// openSelf is a project whose daemon is this program. order is what serve does.
func openSelf(t *testing.T, order string, set func(*backends.Options)) *service.Manager {
	t.Helper()
	dir := testenv.TempDir(t)
	apex := filepath.Join(dir, ".apex")
	const config = `{"daemon": {"command": "no-such-program", "restart": "never"}}` // which is not used
	if err := errors.Join(os.Mkdir(apex, 0o755), os.WriteFile(filepath.Join(apex, "config.yaml"), []byte(config), 0o644),
		os.WriteFile(filepath.Join(apex, "order"), []byte(order), 0o644)); err != nil {
		t.Fatal(err)
	}
	o := backends.Options{ProjectPath: dir, Self: true, Command: []string{"no-such-program-either"}}
	if set != nil {
		set(&o)
	}
	m, err := backends.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := m.Kill(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestSelf: the daemon is this program in another process, with what it prints in the log.
func TestSelf(t *testing.T) {
	for _, row := range []struct {
		name string
		set  func(*backends.Options)
		file string // of the record
		log  string
	}{
		{"as it is", nil, ".apex/daemon.pid", ".apex/daemon.log"},
		{"another name", func(o *backends.Options) { o.Name = "web" }, ".apex/web.pid", ".apex/web.log"},
		{"other files", func(o *backends.Options) {
			o.PIDFile, o.LogFile = filepath.Join(o.ProjectPath, "a b.pid"), filepath.Join(o.ProjectPath, "c.log")
		}, "a b.pid", "c.log"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := ""
			m := openSelf(t, "", func(o *backends.Options) {
				dir = o.ProjectPath
				if row.set != nil {
					row.set(o)
				}
			})
			pid, err := m.Start(t.Context())
			if err != nil || pid == os.Getpid() {
				t.Fatal(pid, err)
			}
			s, err := m.Status(t.Context())
			if err != nil || !s.Running || s.Workload == nil || s.Workload.Source != "embedded" || s.Workload.Address != "127.0.0.1:4711" {
				t.Errorf("%+v, %v", s, err)
			}
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(row.file))); err != nil {
				t.Error(err)
			}
			if err := m.Reload(t.Context()); err != nil {
				t.Error(err)
			}
			if stopped, err := m.Stop(t.Context()); !stopped || err != nil {
				t.Error(stopped, err)
			}
			log, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(row.log)))
			if err != nil || !strings.Contains(string(log), "serving\n") {
				t.Errorf("the log: %v: %s", err, log)
			}
		})
	}
}

// TestSelfFails: Start says why the program's function does not serve.
func TestSelfFails(t *testing.T) {
	for _, row := range []struct{ name, order, says string }{
		{"an error", "fail", "the database is not there"},
		{"a panic", "panic", "ended without a word"}, // its words are in the log
	} {
		t.Run(row.name, func(t *testing.T) {
			m := openSelf(t, row.order, nil)
			pid, err := m.Start(t.Context())
			if pid != 0 || service.CodeOf(err) != service.CodeStartFailed || !strings.Contains(err.Error(), row.says) {
				t.Errorf("PID %d, %v, want %q", pid, err, row.says)
			}
			if running, err := m.Running(t.Context()); running || err != nil {
				t.Errorf("running %v, %v", running, err)
			}
		})
	}
}

// TestRun: this process is the daemon, and is seen as that.
func TestRun(t *testing.T) {
	failure := errors.New("it broke")
	for _, row := range []struct {
		name string
		end  func(ctx context.Context, cancel context.CancelFunc) error // of the workload, once it is ready
		want error
	}{
		{"the context ends", func(ctx context.Context, cancel context.CancelFunc) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}, nil},
		{"the workload ends well", func(context.Context, context.CancelFunc) error { return nil }, nil},
		{"the workload fails", func(context.Context, context.CancelFunc) error { return failure }, failure},
	} {
		t.Run(row.name, func(t *testing.T) {
			var dir string
			m := openSelf(t, "", func(o *backends.Options) { dir = o.ProjectPath })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			served := false
			err := backends.Run(ctx, backends.Options{ProjectPath: dir}, func(ctx context.Context, ready func(string)) error {
				served = true
				ready("")
				s, err := m.Status(t.Context())
				if err != nil || !s.Running || s.PID == nil || *s.PID != os.Getpid() {
					t.Errorf("%+v, %v", s, err)
				}
				err = backends.Run(t.Context(), backends.Options{ProjectPath: dir}, nil)
				var e *service.Error
				if !errors.As(err, &e) || e.Code != service.CodeAlreadyRunning || e.PID != os.Getpid() {
					t.Errorf("a second one: %v", err)
				}
				return row.end(ctx, cancel)
			})
			if !errors.Is(err, row.want) || row.want == nil && err != nil || !served {
				t.Errorf("%v, want %v", err, row.want)
			}
			if running, err := m.Running(t.Context()); running || err != nil {
				t.Errorf("afterwards: running %v, %v", running, err)
			}
		})
	}
}

// TestStartGivenUp: a start that is given up, be it before the daemon has said anything at all, leaves none and says so at once.
func TestStartGivenUp(t *testing.T) {
	m := openSelf(t, "", nil)
	for _, after := range []time.Duration{0, 500 * time.Microsecond, 2 * time.Millisecond, 4 * time.Millisecond, 8 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		began := time.Now()
		_, err := m.Start(ctx)
		cancel()
		if err == nil { // it was too late
			if _, err := m.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if s, e := m.Status(t.Context()); e != nil || s.Running {
			t.Errorf("given up after %s: %v, and it runs: %v, %v", after, err, s.Running, e)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("given up after %s: %v, after %s", after, err, took)
		}
	}
}

// TestOutputOfFreshProject: what the first daemon of a directory prints is handed over as well.
func TestOutputOfFreshProject(t *testing.T) {
	lines := make(chan string, 100) // more than there are
	m, err := backends.Open(backends.Options{
		ProjectPath: testenv.TempDir(t), Self: true,
		OnOutput: func(line string) { lines <- line }, OnError: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_, err := m.Kill(context.Background())
		if err := errors.Join(err, m.Close()); err != nil {
			t.Error(err)
		}
	}()
	if _, err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.After(time.Minute); ; {
		select {
		case line := <-lines:
			if line == "serving" {
				return
			}
		case <-end:
			t.Fatal("nothing was heard")
		}
	}
}
