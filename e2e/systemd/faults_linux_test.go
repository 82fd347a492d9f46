//go:build amd64 || arm64

package systemd_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inject"
	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// faultsVariable is how many faults TestRegistrationFaults tries of each verb.
const faultsVariable = "APEXD_SYSTEMD_FAULTS"

// TestRegistrationFaults fails or kills install and uninstall at random steps. One fault leaves an installation whole or undone; whatever happens, the next install and
// uninstall work, and nothing is left. The program is the one that is shipped: see package inject.
func TestRegistrationFaults(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		n := 6
		if text := os.Getenv(faultsVariable); text != "" {
			n, _ = strconv.Atoi(text) // none, which the test's log says
		}
		for _, verb := range []string{"install", "uninstall"} {
			steps := registrationFault(t, verb, nil)
			var all []inject.Rule
			for _, s := range steps {
				for _, f := range s.Faults() {
					all = append(all, inject.Rule{Step: s, Fault: f})
				}
			}
			seed := uint64(time.Now().UnixNano())
			r := rand.New(rand.NewPCG(seed, seed))
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, rule := range all[:min(n, len(all))] {
				registrationFault(t, verb, &rule)
			}
			t.Logf("%s: %d steps, %d of %d faults tried", verb, len(steps), min(n, len(all)), len(all))
		}
	})
}

// registrationFault plays verb with a fault, judges what is there afterwards, and returns the steps that were taken.
func registrationFault(t *testing.T, verb string, rule *inject.Rule) []inject.Step {
	t.Helper()
	dir := filepath.Join(inworld.TempDir(t), "shop")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	inworld.Apexd(t, dir, 0, "init", "--project", dir, "--", "sleep", "1000")
	before := residue(t)
	if verb == "uninstall" {
		inworld.Apexd(t, dir, 0, asRoot("install")...)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	s := inject.New(map[string]string{"P": dir, "etc": "/etc/systemd", "config": filepath.Join(home, ".config/systemd")}, func(args []string) string {
		if len(args) < 2 || args[0] != inworld.Tool("apexd") {
			return ""
		}
		return args[1]
	})
	var rules []inject.Rule
	if rule != nil {
		rules = append(rules, *rule)
	}
	s.Arm(rules...)
	args := []string{verb}
	if verb == "install" {
		args = asRoot(args...)
	}
	cmd := exec.CommandContext(t.Context(), inworld.Tool("apexd"), args...)
	cmd.Dir, cmd.WaitDelay = dir, inworld.Limit
	if err := s.Start(cmd, inworld.Tool("suite.test"), "inject"); err != nil {
		t.Fatal(err)
	}
	ended := cmd.Wait()
	steps, _ := s.Disarm()
	s.Wait()
	what := fmt.Sprint(rules)
	if left := residue(t); rule != nil && !rule.Lasting && cmd.ProcessState.ExitCode() > 0 && verb == "install" && !reflect.DeepEqual(before, left) {
		t.Errorf("%s: install has failed (%v) and left\n%q\nof\n%q", what, ended, left, before)
	}
	for _, next := range []string{"install", "uninstall"} {
		args := []string{next}
		if next == "install" {
			args = asRoot(args...)
		}
		if r := inworld.Command(t, dir, nil, append([]string{inworld.Tool("apexd")}, args...)...); r.Code != 0 {
			t.Errorf("%s: the next %s: %s", what, next, r)
		}
	}
	if left := residue(t); !reflect.DeepEqual(before, left) {
		t.Errorf("%s: left\n%q\nof\n%q", what, left, before)
	}
	return steps
}
