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

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getenv(binVariable) == "" {
			dir, err := os.MkdirTemp("", "apexd-bin-")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			if err := build(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			os.Setenv(binVariable, dir)
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
