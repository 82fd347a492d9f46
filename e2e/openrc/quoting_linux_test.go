package openrc_test

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
	"github.com/joshuaaferguson/apexd/service"
)

// hostile are the pieces that a shell, OpenRC's eval, kardianos's templates or a careless writer would change or execute (O2).
var hostile = []string{
	" ", "  ", "%", "%s", "$", "$HOME", "${IFS}", "$(touch /run/executed)", "`touch /run/executed`", `\`, `\\`, `\n`, `"`, "'", `'\''`, "{{", "}}", "{{.Name}}", "\n", "\t", "\r", ";", " ; touch /run/executed ; ",
	"#", "-", "--", "@", ":", "~", "!", "é", "😀", "\xff", "\xc3", "\x01", "\x7f", "=", "a", "b", "c", "&", "|", "<", ">", "*", "?", "[a-z]", "{a,b}", "\ncommand_user=nobody\n", "}",
}

// pieces is a random sequence of those of hostile that have none of chars.
func pieces(n int, chars string, rnd *rand.Rand) string {
	from := slices.DeleteFunc(slices.Clone(hostile), func(s string) bool { return strings.ContainsAny(s, chars) })
	var b strings.Builder
	for range 1 + rnd.IntN(n) {
		b.WriteString(from[rnd.IntN(len(from))])
	}
	return b.String()
}

// TestQuoting starts real services with random project paths, arguments, environments and program paths, and compares what the process was given byte by byte.
func TestQuoting(t *testing.T) {
	needWorld(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	in, err := install.Open(t.Context(), service.KindOpenRC, service.ScopeSystem)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	base := t.TempDir()
	for i := range 12 {
		once(t, in, filepath.Join(base, fmt.Sprint(i)), rnd)
	}
	if _, err := os.Lstat("/run/executed"); err == nil {
		t.Error("a value was executed")
	}
}

// once installs and starts one random daemon, and looks at what it was given.
func once(t *testing.T, in install.Installer, base string, rnd *rand.Rand) {
	t.Helper()
	name := func() string { return strings.ReplaceAll(pieces(12, "", rnd), "/", "_") }
	said := filepath.Join(base, "said")
	r := install.Request{
		Spec: service.Spec{
			Project: filepath.Join(base, "p"+name()), Name: "web", StopTimeout: time.Second, Readiness: service.Readiness{Timeout: 20 * time.Second},
			Restart: service.RestartPolicy{When: service.RestartNever},
		},
		Exec: filepath.Join(base, "bin", "x"+name()), Version: pieces(5, "", rnd), Now: true, User: "root",
		PIDFile: pieces(12, "", rnd), LogFile: pieces(12, "", rnd), Path: "/usr/bin:" + pieces(12, ":", rnd),
		Env: []string{probeVariable + "=" + said, "X=" + pieces(12, "", rnd)},
	}
	if err := os.MkdirAll(r.Spec.Project, 0o755); err != nil {
		t.Fatal(err)
	}
	inworld.CopyProgram(t, r.Exec)
	p, err := in.Install(t.Context(), r)
	if err == nil {
		err = p.Apply(t.Context())
	}
	if err != nil {
		t.Fatalf("%q: %v\n%s", r.Spec.Project, err, p)
	}
	compare(t, r, p.Service, said)
	p, err = in.Uninstall(t.Context(), r.Spec.Project, "web")
	if err == nil {
		err = p.Apply(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, r install.Request, name, said string) {
	t.Helper()
	inworld.Eventually(t, r.Exec+" is started", func() bool { _, err := os.Lstat(said); return err == nil }) // the probe's hook waits for nothing
	g := inworld.ReadGiven(t, said)
	want := []string{
		r.Exec, "run", "--keeper", "openrc", "--scope", "system", "--service", name, "--project", r.Spec.Project, "--name", "web", "--pid-file", r.PIDFile, "--log-file", r.LogFile,
	}
	g.Want(t, want, append([]string{"PATH=" + r.Path}, r.Env...))
	if string(g.Dir) != r.Spec.Project || g.UID != 0 {
		t.Errorf("it works in %q as %d", g.Dir, g.UID)
	}
}
