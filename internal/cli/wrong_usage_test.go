package cli

import (
	"os"
	"strings"
	"testing"
)

// TestWrongUsage: what no command can mean has the exit status 2 and says what to do, also where it is not a flag's spelling that is wrong.
func TestWrongUsage(t *testing.T) {
	dir := t.TempDir()
	for _, line := range []string{
		"explain START_FAILED STOP_FAILED",
		"man start stop",
		"hook",
		"hook started stopped",
		"logs --level bogus",
		"logs --level bogus --json",
		"logs --since yesterday",
		"status now",
		"status --jsn",
		"status --all --watch",
		"status --ready --watch",
		"stop --timeout -1s",
		"whatever",
	} {
		t.Run(line, func(t *testing.T) {
			code, said := saidBy(t, append(strings.Fields(line), "--project", dir)...)
			if code != exitUsage || !strings.HasPrefix(said, "apexd: ") || !strings.Contains(said, "\nhint: ") {
				t.Errorf("exit status %d, %q", code, said)
			}
		})
	}
}

// saidBy is the exit status of a call, and what it printed to standard error.
func saidBy(t *testing.T, args ...string) (int, string) {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	f, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code := Main(args, null, null, f)
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(b)
}
