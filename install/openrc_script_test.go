package install

import (
	"bytes"
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

// rcRequest is a plain one for OpenRC.
func rcRequest() Request {
	r := request()
	r.User = "shop"
	return r
}

// TestOpenRCScript compares whole scripts with files that a person has read.
func TestOpenRCScript(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Request)
	}{
		{"openrc", func(*Request) {}},
		{"openrc hostile", func(r *Request) {
			r.Spec.Project = "/srv/a b%h$(id)\"\\'\n{{x\xff*"
			r.PIDFile, r.LogFile = "/run/a b.pid", "/var/log/50%.log"
			r.Path, r.Env = `/opt/a b:/opt/"q"`, []string{"XDG_STATE_HOME=/srv/`id`"}
		}},
		{"openrc never", func(r *Request) { r.Spec.Restart = service.RestartPolicy{When: service.RestartNever} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rcRequest()
			tt.change(&r)
			got, err := RenderOpenRC(r)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", strings.ReplaceAll(tt.name, " ", "-")+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got.Text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(path); err != nil || string(want) != got.Text {
				t.Errorf("%s differs (%v): go test ./install -update, then read it", path, err)
			}
			if o, ours := ownerOfMark(got.Text); !ours || o != (owner{r.Spec.Project, r.Spec.Name}) {
				t.Errorf("it says that it is %+v's, %t", o, ours)
			}
		})
	}
}

func TestOpenRCCannotCarry(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"a NUL in the project":  func(r *Request) { r.Spec.Project = "/srv/a\x00b" },
		"a NUL in PATH":         func(r *Request) { r.Path = "/bin\x00" },
		"no user":               func(r *Request) { r.User = "" },
		"a user and a group":    func(r *Request) { r.User = "shop:wheel" },
		"a user that is code":   func(r *Request) { r.User = "$(id)" },
		"a user that is a flag": func(r *Request) { r.User = "-u" },
	} {
		r := rcRequest()
		change(&r)
		if out, err := RenderOpenRC(r); err == nil {
			t.Errorf("%s: %s", name, out.Text)
		}
	}
}

// TestOpenRCEval has a real shell do with the script what OpenRC's supervise_start() does, and compares what supervise-daemon would get, byte by byte.
func TestOpenRCEval(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no POSIX shell here")
	}
	values := testenv.Hostile()
	random := rand.New(rand.NewPCG(3, 4))
	for len(values)%4 != 0 || len(values) < 80 {
		b := make([]byte, 1+random.IntN(10))
		for i := range b {
			b[i] = byte(1 + random.IntN(255))
		}
		values = append(values, string(b))
	}
	for v := range slices.Chunk(values, 4) {
		r := rcRequest()
		r.Spec.Project, r.Exec, r.Path, r.PIDFile = "/srv/"+v[0], "/opt/"+v[1], v[2], v[3]
		r.Env = []string{"A=" + v[3], "B=" + v[0]}
		want := []string{
			"apex", "--start", "--retry", "SIGTERM/15/SIGKILL/5", "--chdir", r.Spec.Project, "--respawn-delay", "1", "--user", "shop", "--env", "PATH=" + r.Path,
			"--env", "A=" + v[3], "--env", "B=" + v[0], r.Exec, "--",
		}
		reg := r.registration(service.KindOpenRC, service.ScopeSystem)
		want = append(want, r.argv(reg)[1:]...)
		out, err := RenderOpenRC(r)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(sh)
		cmd.Dir = t.TempDir()
		if err := os.WriteFile(filepath.Join(cmd.Dir, "'quoted'"), nil, 0o644); err != nil { // for patterns to match
			t.Fatal(err)
		}
		cmd.Stdin = strings.NewReader("supervise_daemon() { printf '%s\\0' \"$@\"; }\n" + out.Text + `
			eval supervise_daemon apex --start ${retry:+--retry} $retry ${directory:+--chdir} $directory ${respawn_delay:+--respawn-delay} $respawn_delay \
				${command_user+--user} $command_user ${supervise_daemon_args:-${start_stop_daemon_args}} $command -- $command_args $command_args_foreground`)
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		var got []string
		for _, b := range bytes.Split(bytes.TrimSuffix(said, []byte{0}), []byte{0}) {
			got = append(got, string(b))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestRespawn(t *testing.T) {
	for _, row := range []struct {
		name       string
		policy     service.RestartPolicy
		configured string
		want       string
		warning    string
	}{
		{"the default", request().Spec.Restart, "", "respawn_delay=1 respawn_max=5 respawn_period=60", ""},
		{"no limit", service.RestartPolicy{When: service.RestartAlways, Delay: 3 * time.Second}, "restart.limit", "respawn_delay=3 respawn_max=0", ""},
		{"no delay", service.RestartPolicy{When: service.RestartAlways, Limit: 2, Window: 90 * time.Second}, "restart.delay", "respawn_max=2 respawn_period=90", ""},
		{"never", service.RestartPolicy{When: service.RestartNever, Delay: time.Second}, "restart.policy", "respawn_max=1", ""},
		{"half seconds", service.RestartPolicy{When: service.RestartAlways, Delay: 1500 * time.Millisecond, Limit: 1, Window: time.Minute}, "restart.delay", "respawn_delay=2 respawn_max=1 respawn_period=60", "whole seconds, 2"},
		{"backoff", service.RestartPolicy{When: service.RestartOnFailure, Delay: time.Second, Factor: 2, Max: time.Minute}, "restart.factor", "respawn_delay=1 respawn_max=0", "every try waits 1 s"},
		{"backoff by default", service.RestartPolicy{When: service.RestartOnFailure, Delay: time.Second, Factor: 2, Max: time.Minute}, "", "respawn_delay=1 respawn_max=0", ""},
		{"jitter", service.RestartPolicy{When: service.RestartOnFailure, Jitter: 0.5}, "restart.jitter", "respawn_max=0", "delays are exact"},
		{"a limit out of reach", service.RestartPolicy{When: service.RestartOnFailure, Delay: 10 * time.Second, Limit: 9, Window: time.Minute}, "restart.limit", "respawn_delay=10 respawn_max=9 respawn_period=60", "never give up"},
		{"reset", service.RestartPolicy{When: service.RestartOnFailure, Limit: 9, Window: time.Minute, Healthy: time.Second}, "restart.resetAfter", "respawn_max=9 respawn_period=60", "forgotten after restart.window"},
	} {
		var words []string
		for _, l := range respawn(row.policy) {
			words = append(words, l.key+"="+l.value)
		}
		if got := strings.Join(words, " "); got != row.want {
			t.Errorf("%s: %s\nwant %s", row.name, got, row.want)
		}
		if got := respawnGaps(row.policy, []string{row.configured}); !strings.Contains(got, row.warning) || row.warning == "" && got != "" {
			t.Errorf("%s: warning %q, want %q", row.name, got, row.warning)
		}
	}
}
