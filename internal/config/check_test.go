package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// TestCheck: what is wrong with one of several daemons, and with two of them together, and what concerns all once.
func TestCheck(t *testing.T) {
	const good = "daemons:\n  a: {command: [x]}\n  b: {command: [x]}\n"
	for _, row := range []struct {
		name, text string
		want       []string // what each problem says; none: it is good
	}{
		{"good", good, nil},
		{"the second", good + "  c: {stopTimeout: 1}\n", []string{"daemons.c.stopTimeout"}},
		{"one record", good + "  c: {pidFile: .apex/a.pid}\n", []string{"daemons.c.pidFile: the daemons a and c have this record"}},
		{"several", good + "  c: {logFile: .apex/c.pid}\n  d: {restart: {delay: 5s, maxDelay: 1s}}\n", []string{"daemons.c.logFile", "daemons.d.restart.maxDelay"}},
		{"a name, which each of them reads", good + "  \"c d\": {}\n", []string{"cannot name a daemon"}},
		{"a file of secrets and another", good + "  c: {environmentFile: none.env}\n  d: {stopTimeout: 1}\n", []string{"none.env", "daemons.d.stopTimeout"}},
		{"no place to run", good + "  c: {command: [x], workingDirectory: none}\n", []string{`daemons.c.workingDirectory: the command cannot run in `}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, ".apex", "config.yaml"), []byte(row.text), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			in := Input{Project: dir, Here: true}
			names, err := Configured(in)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Check(in, names)
			if len(row.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var ps Problems
			if !errors.Is(err, service.ErrConfigInvalid) || !errors.As(err, &ps) || len(ps) != len(row.want) {
				t.Fatalf("%v, want %d problems", err, len(row.want))
			}
			for i, want := range row.want {
				if !strings.Contains(ps[i].Error(), want) {
					t.Errorf("%v, want %q", ps[i], want)
				}
			}
		})
	}
}
