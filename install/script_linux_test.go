package install

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// teller is an apexd that says what it was given: its environment and its arguments, each ended by NUL.
const teller = "#!/bin/sh\ncat /proc/$$/environ\nprintf '%s\\0' -- \"$@\"\n"

// told runs a script and returns what teller was given by it.
func told(t *testing.T, dir string, argv ...string) (env, args []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", argv...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = append(os.Environ(), "STRAY=1", "LD_PRELOAD=", "IFS=x") // none of which is to arrive
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", argv, err)
	}
	all := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	i := slices.Index(all, "--")
	if i < 0 {
		t.Fatalf("%q says %q", argv, all)
	}
	return all[:i], all[i+1:]
}

// random is a value of hostile pieces and random bytes, without those of not.
func random(rnd *rand.Rand, not string) string {
	var b bytes.Buffer
	pieces := testenv.Hostile()
	for range 1 + rnd.IntN(6) {
		if rnd.IntN(2) == 0 {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		} else {
			b.WriteByte(byte(1 + rnd.IntN(255)))
		}
	}
	return string(slices.DeleteFunc(b.Bytes(), func(c byte) bool { return strings.IndexByte(not, c) >= 0 }))
}

func randomRequest(t *testing.T, rnd *rand.Rand, dir string) Request {
	t.Helper()
	r := request()
	r.Exec = filepath.Join(dir, "x"+random(rnd, "=/"))
	if err := os.WriteFile(r.Exec, []byte(teller), 0o755); err != nil {
		t.Fatal(err)
	}
	r.Spec.Project, r.Version, r.User = "/srv/"+random(rnd, ""), random(rnd, ""), cmp.Or(random(rnd, ""), "u")
	r.PIDFile, r.LogFile, r.Path = random(rnd, ""), random(rnd, ""), "/usr/bin:/bin:"+random(rnd, "")
	r.Env = []string{"XDG_STATE_HOME=" + random(rnd, ""), "EMPTY="}
	return r
}

// TestScriptsCarryEverything runs the real scripts with random values, and compares what the program was given byte by byte.
func TestScriptsCarryEverything(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 30 {
		r := randomRequest(t, rnd, t.TempDir())
		dir := t.TempDir()
		text, err := RenderSysV(r)
		if err != nil {
			t.Fatal(err)
		}
		files, err := RenderServiceDir(r, service.ScopeSystem, service.KindRunit, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range append(files, File{Path: "init", New: text}) {
			if err := os.WriteFile(filepath.Join(dir, f.Path), []byte(f.New), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		extra := []string{"--json", random(rnd, "")}
		reg := r.registration(service.KindSysV, service.ScopeSystem)
		keeper := []string{"--keeper", "sysv", "--scope", "system", "--service", reg.Service}
		for _, tt := range []struct {
			argv []string
			args []string
		}{
			{append([]string{"init", "start"}, extra...), slices.Concat([]string{"as", r.User, "start"}, r.place(), keeper, extra)},
			{append([]string{"init", "stop"}, extra...), slices.Concat([]string{"as", r.User, "stop"}, r.place(), extra)},
			{[]string{"init", "status"}, slices.Concat([]string{"as", r.User, "status"}, r.place())},
			{[]string{"run"}, slices.Concat([]string{"as", r.User, "run", "--keeper", "runit", "--scope", "system", "--service", dir}, r.place())},
		} {
			env, args := told(t, dir, tt.argv...)
			if want := append([]string{"PATH=" + r.Path}, r.Env...); !slices.Equal(env, want) {
				t.Errorf("%q: the environment is %q, want %q", tt.argv, env, want)
			}
			if !slices.Equal(args, tt.args) {
				t.Errorf("%q: the arguments are\n%q, want\n%q", tt.argv, args, tt.args)
			}
		}
	}
}
