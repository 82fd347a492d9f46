package cli

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hurry is what of GORACE keeps this program, which is apexd too, from waiting a second before it ends, where it has the race detector.
const hurry = "atexit_sleep_ms=0"

// TestMain lets the test binary be apexd, and the program that it keeps.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", hurry)
	testscript.Main(ownState{m}, map[string]func(){
		"apexd": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		"child": child,
	})
}

// ownState are the tests, which leave nothing in the state directory of whoever runs them.
type ownState struct{ *testing.M }

func (o ownState) Run() int {
	dir, err := os.MkdirTemp("", "apexd-state")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is of no use any more
	os.Setenv("XDG_STATE_HOME", dir)
	os.Setenv("LocalAppData", dir)
	return o.M.Run()
}

// child is a workload: each argument is a step.
//
//	say=TEXT  print TEXT    env=NAME  print its value    exit=N  end with status N
//	save=NAME append it to told.txt
//	run=LINE  run the words of LINE    ignore  ignore the request to stop    wait  until asked to stop, at most a minute
func child() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	for _, step := range os.Args[1:] {
		verb, arg, _ := strings.Cut(step, "=")
		switch verb {
		case "say":
			fmt.Println(arg)
		case "env":
			fmt.Printf("%s=%s\n", arg, os.Getenv(arg))
		case "save":
			save(arg)
		case "run":
			words := strings.Fields(arg)
			out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
			fmt.Printf("%sran: %v\n", out, err)
		case "exit":
			n, _ := strconv.Atoi(arg)
			os.Exit(n)
		case "ignore":
			signal.Ignore(syscall.SIGTERM)
		case "wait":
			select {
			case <-stop:
			case <-time.After(time.Minute):
				os.Exit(99)
			}
		}
	}
}

// save appends the variable called name to told.txt, and prints no more than its name.
func save(name string) {
	f, err := os.OpenFile("told.txt", os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer f.Close()
	fmt.Fprintf(f, "%s=%s\n", name, os.Getenv(name))
	fmt.Println("saved", name)
}

// TestScripts runs testdata/script: one file a command and topic.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("RUNAS", "--quiet=false") // which means nothing
			if os.Geteuid() == 0 {             // then the project is root's, and a daemon of root's is only what is asked for
				e.Setenv("RUNAS", "--run-as=root")
			}
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "userconfig"))
			e.Setenv("LocalAppData", filepath.Join(e.WorkDir, "state"))
			e.Setenv("GORACE", hurry)
			e.Setenv("AppData", filepath.Join(e.WorkDir, "userconfig"))
			e.Defer(func() { stopAll(t, e.WorkDir) })
			return nil
		},
		RequireExplicitExec: true,
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
	})
}

// stopAll leaves nothing running, whatever a script did.
func stopAll(t *testing.T, dir string) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".pid") {
			project := filepath.Dir(filepath.Dir(path))
			name := strings.TrimSuffix(filepath.Base(path), ".pid")
			null, e := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if e != nil {
				return e
			}
			defer null.Close()
			if code := Main([]string{"kill", "--project", project, "--name", name}, null, null, null); code != 0 {
				t.Logf("kill in %s: exit status %d", project, code)
			}
		}
		return nil
	})
}
