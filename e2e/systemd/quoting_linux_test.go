package systemd_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// hostile are the pieces that systemd, a shell, kardianos's templates or a careless writer would change.
var hostile = []string{
	" ", "  ", "%", "%%", "%h", "%n", "$", "$$", "$HOME", "${HOME}", `\`, `\\`, `\n`, `\x41`, `"`, "'", "`", "{{", "}}", "{{.Name}}", "\n", "\t", "\r", ";", " ; ", "#", "-", "@", ":", "+", "!",
	"é", "😀", "\xff", "\xc3", "\x01", "\x7f", "[Service]", "=", "a", "b", "c", "&", "|", "<", ">", "*", "?", "~", "User=nobody",
}

// pieces is a random sequence of them.
func pieces(from []string, n int, rnd *rand.Rand) string {
	var b strings.Builder
	for range 1 + rnd.IntN(n) {
		b.WriteString(from[rnd.IntN(len(from))])
	}
	return b.String()
}

// without are those of hostile that have none of chars and are plain text.
func without(chars string) []string {
	return slices.DeleteFunc(slices.Clone(hostile), func(s string) bool {
		return strings.ContainsAny(s, chars) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd })
	})
}

// TestQuoting starts real units with random project paths, arguments, environments and program paths, and compares what the process was given byte by byte.
func TestQuoting(t *testing.T) {
	for _, scope := range []service.Scope{service.ScopeSystem, service.ScopeUser} {
		t.Run(string(scope), func(t *testing.T) {
			needWorld(t, string(scope))
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			rnd := rand.New(rand.NewPCG(seed, 1))
			in, err := install.Open(t.Context(), service.KindSystemd, scope)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			base := inworld.TempDir(t)
			for i := range 10 {
				once(t, in, scope, filepath.Join(base, fmt.Sprint(i)), rnd)
			}
		})
	}
}

// once installs and starts one random daemon, and looks at what it was given.
func once(t *testing.T, in install.Installer, scope service.Scope, base string, rnd *rand.Rand) {
	t.Helper()
	project := filepath.Join(base, pieces(hostile, 12, rnd))
	bin := filepath.Join(base, "bin", pieces(without(`"'\`), 6, rnd))
	said := filepath.Join(base, "said")
	r := install.Request{
		Spec: service.Spec{
			Project: project, Name: "web", StopTimeout: time.Second, Readiness: service.Readiness{Timeout: 20 * time.Second},
			Restart: service.RestartPolicy{When: service.RestartNever},
		},
		Ref: pidfile.Ref{}, Exec: bin, Version: pieces(hostile, 5, rnd), Now: true, Hardening: install.HardeningBaseline,
		PIDFile: pieces(hostile, 12, rnd), LogFile: pieces(hostile, 12, rnd), Path: "/usr/bin:" + pieces(without(""), 12, rnd),
		Env: []string{probeVariable + "=" + said, "X=" + pieces(without(""), 12, rnd)},
	}
	if scope == service.ScopeSystem {
		r.User = "root"
	}
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	inworld.CopyProgram(t, bin)
	p, err := in.Install(t.Context(), r)
	if err != nil {
		t.Fatalf("%q: %v", r.Spec.Project, err)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	check(t, r, scope, p, said)
	p, err = in.Uninstall(t.Context(), project, "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, r install.Request, scope service.Scope, p *install.Plan, said string) {
	t.Helper()
	g := inworld.ReadGiven(t, said)
	want := []string{
		r.Exec, "run", "--keeper", "systemd", "--scope", string(scope), "--service", p.Service, "--project", r.Spec.Project, "--name", "web",
		"--pid-file", r.PIDFile, "--log-file", r.LogFile,
	}
	g.Want(t, want, append(r.Env, "PATH="+r.Path))
	// what WorkingDirectory= cannot say is left out, and run goes there by itself
	if dir := string(g.Dir); dir != r.Spec.Project && strings.Contains(p.Files[0].New, "\nWorkingDirectory=") {
		t.Errorf("it runs in %q, not %q\n%s", dir, r.Spec.Project, p)
	}
}
