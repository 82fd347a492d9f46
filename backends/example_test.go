package backends_test

import (
	"context"
	"fmt"
	"os"

	"github.com/joshuaaferguson/apexd/backends"
)

// A program that is its own daemon: its main begins with a call of backends.Main, as TestMain does here. Start executes the program once more, and returns when serve
// has called ready.
func ExampleMain() {
	dir, remove := exampleProject()
	defer remove()
	ctx := context.Background()

	m, err := backends.Open(backends.Options{ProjectPath: dir, Self: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	pid, err := m.Start(ctx)
	fmt.Println("started:", pid != os.Getpid(), err)

	running, _ := m.Running(ctx)
	fmt.Println("running:", running)

	stopped, err := m.Stop(ctx)
	fmt.Println("stopped:", stopped, err)
	// Output:
	// started: true <nil>
	// running: true
	// stopped: true <nil>
}

// The daemon of a project, with the command that its configuration has. Without Exec that is the apexd in PATH.
func ExampleOpen() {
	dir, remove := exampleProject()
	defer remove()
	ctx := context.Background()

	m, err := backends.Open(backends.Options{ProjectPath: dir, Exec: []string{os.Args[0], apexdArg}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := m.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	s, err := m.Status(ctx)
	fmt.Println(s.State, *s.Ready, s.Workload.Source, err)

	killed, err := m.Kill(ctx)
	fmt.Println("killed:", killed, err)
	// Output:
	// running true builtin <nil>
	// killed: true <nil>
}

// This process is the daemon, until ctx is done.
func ExampleRun() {
	dir, remove := exampleProject()
	defer remove()

	ctx, cancel := context.WithCancel(context.Background())
	err := backends.Run(ctx, backends.Options{ProjectPath: dir}, func(ctx context.Context, ready func(string)) error {
		ready("127.0.0.1:8080")
		fmt.Println("serving, until somebody says stop")
		cancel()
		<-ctx.Done()
		return nil
	})
	fmt.Println("ended:", err)
	// Output:
	// serving, until somebody says stop
	// ended: <nil>
}

// exampleProject is an empty project.
func exampleProject() (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "apexd-example-")
	if err != nil {
		panic(err)
	}
	return dir, func() { os.RemoveAll(dir) }
}
