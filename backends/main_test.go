package backends_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/cli"
)

// apexdArg makes the test binary the command apexd.
const apexdArg = "apexd"

// TestMain makes the test binary also the daemons of the tests: apexd itself, and a program that embeds it. Their state is not the user's.
func TestMain(m *testing.M) {
	if status, daemon := backends.Main(serve); daemon {
		os.Exit(status)
	}
	if len(os.Args) > 1 && os.Args[1] == apexdArg {
		os.Exit(cli.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	home, err := os.MkdirTemp("", "apexd-home-")
	if err == nil {
		home, err = filepath.EvalSymlinks(home)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range []string{"HOME", "USERPROFILE", "LocalAppData", "AppData", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		os.Setenv(name, home)
	}
	status := m.Run()
	os.RemoveAll(home)
	os.Exit(status)
}

// serve is the workload of the embedding program. It does what a file beside the configuration says, if there is one.
func serve(ctx context.Context, ready func(address string)) error {
	order, _ := os.ReadFile(filepath.Join(".apex", "order")) // the daemon's directory is the project
	switch strings.TrimSpace(string(order)) {
	case "fail":
		return errors.New("the database is not there")
	case "panic":
		panic("the program has a bug")
	}
	fmt.Println("serving")
	ready("127.0.0.1:4711")
	<-ctx.Done()
	return ctx.Err()
}
