package sockets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	restarts = 50
	clients  = 8
	patience = time.Minute // for all that is waited for
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, serve(os.Args[2:]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// site is a daemon and how its clients reach it. A manager's is the same with another start and stop.
type site struct {
	start, reload, stop func(t *testing.T)
	control             string // path of the Unix socket "control"
}

// direct is a project with conf as its section, kept by `apexd start` in a home of its own.
func direct(t *testing.T, conf string) site {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "apexd-sockets-") // short enough for sun_path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	run(t, "../..", nil, "go", "build", "-o", filepath.Join(dir, "apexd"), ".")
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf = strings.ReplaceAll(conf, "DIR", dir)
	if err := os.WriteFile(filepath.Join(dir, ".apex", "config.yaml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir+"/state", "XDG_CONFIG_HOME="+dir+"/conf", "APEX_PROJECT_PATH="+dir)
	apexd := func(args ...string) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); run(t, dir, env, filepath.Join(dir, "apexd"), args...) }
	}
	t.Cleanup(func() { apexd("kill")(t) })
	return site{start: apexd("start"), reload: apexd("reload"), stop: apexd("stop"), control: filepath.Join(dir, "control.sock")}
}

func run(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, env, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// client asks for one page a connection, as a visitor does.
func client(network, address string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

func ask(c *http.Client, path string) (answer, error) {
	var a answer
	r, err := c.Get("http://workload" + path)
	if err != nil {
		return a, err
	}
	defer r.Body.Close()
	return a, json.NewDecoder(r.Body).Decode(&a)
}

// load asks address without a pause until it is stopped.
type load struct {
	done          atomic.Bool
	wait          sync.WaitGroup
	total, failed atomic.Int64
	mu            sync.Mutex
	processes     map[int]int // PID to requests answered
	wrong         map[string]int
	first         error
}

func begin(address, listen string) *load {
	l := &load{processes: map[int]int{}, wrong: map[string]int{}}
	for range clients {
		c := client("tcp", address)
		l.wait.Go(func() {
			for !l.done.Load() {
				a, err := ask(c, "/")
				l.total.Add(1)
				l.note(a, err, listen)
			}
		})
	}
	return l
}

func (l *load) note(a answer, err error, listen string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed.Add(1)
		if l.first == nil {
			l.first = err
		}
		return
	}
	l.processes[a.PID]++
	if a.Listen != listen {
		l.wrong[a.Listen]++
	}
}

func (l *load) end() {
	l.done.Store(true)
	l.wait.Wait()
}

// crash has the workload of s end, and returns when another process answers.
func crash(t *testing.T, s site) {
	t.Helper()
	c := client("unix", s.control)
	old, err := ask(c, endPath)
	if err != nil {
		t.Fatal(err)
	}
	limit := time.Now().Add(patience)
	for time.Now().Before(limit) {
		if a, err := ask(c, "/"); err == nil && a.PID != old.PID {
			return
		}
		<-time.After(time.Millisecond) // a workload with sockets of its own cannot be waited for, only tried
	}
	t.Fatalf("the workload did not come back within %s", patience)
}

// Over 50 restarts no client is refused, reset or left without an answer.
func TestNoRequestFails(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := direct(t, `daemon:
  command: ["`+exe+`", serve]
  restart: {policy: on-failure, delay: 0, limit: 0}
  sockets: {http: 0, control: "unix:DIR/control.sock"}
`)
	s.start(t)
	a, err := ask(client("unix", s.control), "/")
	if err != nil {
		t.Fatal(err)
	}
	const listen = "true 2 http:control"
	l := begin(a.Address, listen)
	began := time.Now()
	for i := range restarts {
		crash(t, s)
		if i == restarts/2 {
			s.reload(t)
		}
	}
	took := time.Since(began)
	l.end()
	t.Logf("%d requests of %d clients over %d restarts in %s: %d failed; %d processes answered", l.total.Load(), clients, restarts, took.Round(time.Millisecond), l.failed.Load(), len(l.processes))
	if l.failed.Load() > 0 || len(l.wrong) > 0 {
		t.Errorf("%d failed, the first: %v; wrong variables %v, want %q", l.failed.Load(), l.first, l.wrong, listen)
	}
	if len(l.processes) < restarts/2 { // a run may be so short that only the control socket is served
		t.Errorf("only %d processes answered", len(l.processes))
	}
	s.stop(t)
	if _, err := os.Lstat(s.control); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's file is left: %v", err)
	}
	if c, err := net.Dial("tcp", a.Address); err == nil {
		c.Close()
		t.Error("something still listens")
	}
}

// The measurement above would notice: a workload that opens its sockets itself has its clients refused.
func TestLoadNotices(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	s := direct(t, `daemon:
  command: ["`+exe+`", serve, "`+address+`", DIR/control.sock]
  restart: {policy: on-failure, delay: 0, limit: 0}
`)
	s.start(t)
	l := begin(address, "false  ")
	for range restarts / 5 {
		crash(t, s)
	}
	l.end()
	t.Logf("%d requests over %d restarts: %d failed, the first: %v", l.total.Load(), restarts/5, l.failed.Load(), l.first)
	if l.failed.Load() == 0 {
		t.Error("no request failed")
	}
}
