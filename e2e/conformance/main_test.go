package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binVariable names a directory with apexd and child, for machines without a Go toolchain and for trying out other versions of apexd.
const binVariable = "APEXD_CONFORMANCE_BIN"

// scratch is a directory of this run's.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "apexd-bin-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		if os.Getenv(binVariable) == "" {
			if err := build(scratch); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			os.Setenv(binVariable, scratch)
			stop, err := startManagers()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer func() {
				if err := stop(); err != nil {
					fmt.Fprintln(os.Stderr, "at the end:", err)
				}
			}()
		}
		return m.Run()
	}())
}

// build makes apexd and child in dir, for everybody to execute.
func build(dir string, env ...string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // the suite has another user run them
		return err
	}
	for _, pkg := range []string{".", "./e2e/child"} {
		cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), pkg)
		cmd.Dir = filepath.Join("..", "..")
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

func program(name string) string {
	return filepath.Join(os.Getenv(binVariable), name+exeSuffix)
}
