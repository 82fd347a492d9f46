package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

func TestRoff(t *testing.T) {
	for in, want := range map[string]string{
		`C:\x`: `C:\ex`, "--json": `\-\-json`, ".apex\n'q": `\&.apex` + "\n" + `\&'q`, "plain": "plain",
	} {
		if got := roff(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := options("  -n, --lines N   only the last N (default 20)\n      --json      print\n"); got != ".TP\n.B \"\\-n, \\-\\-lines N\"\nonly the last N (default 20)\n.TP\n.B \"\\-\\-json\"\nprint\n" {
		t.Errorf("options: %q", got)
	}
}

// TestManual: every verb has a page, which groff reads without a complaint, with its flags and its example.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	a, _, _ := output(t)
	root := newRoot(a, nil)
	if err := a.writeManual(root, dir); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range documented(root) {
		b, err := os.ReadFile(filepath.Join(dir, manName(cmd)+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, part := range []string{".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH EXAMPLES", ".SH SEE ALSO"} {
			if !strings.Contains(string(b), part) {
				t.Errorf("%s has no %s", manName(cmd), part)
			}
		}
	}
	pages, _ := filepath.Glob(filepath.Join(dir, "*.1"))
	if len(pages) < len(commands)-2 {
		t.Errorf("only %q", pages)
	}
	if testing.Short() {
		return
	}
	if _, err := exec.LookPath("groff"); err != nil {
		gate.Skip(t, "no groff to read them")
	}
	out, err := exec.Command("groff", append([]string{"-man", "-Tutf8", "-ww", "-z", "-b"}, pages...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

// TestCompletion: verbs, values and names are completed, and the shells that are here take the scripts.
func TestCompletion(t *testing.T) {
	project := t.TempDir()
	err := os.MkdirAll(filepath.Join(project, ".apex"), 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(project, ".apex", "config.yaml"), []byte("daemons:\n  web: {command: x}\n  wörker: {command: x}\n"), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(project, ".apex", "job.pid"), nil, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"verbs", []string{"st"}, []string{"start", "stop", "status"}},
		{"names", []string{"status", "--project", project, "--name", ""}, []string{"daemon", "job", "web"}},
		{"levels", []string{"logs", "--level", ""}, []string{"debug", "info", "warn", "error"}},
		{"managers", []string{"install", "--for", ""}, []string{"systemd", "openrc", "sysv", "runit", "s6", "freebsd", "procd", "rcs"}},
		{"engines", []string{"export", ""}, []string{"kubernetes", "compose", "nomad", "quadlet"}},
		{"shells", []string{"completion", ""}, []string{"bash", "zsh", "fish", "powershell"}},
		{"no files", []string{"stop", ""}, nil},
	} {
		a, out, _ := output(t)
		if code := Main(append([]string{"__completeNoDesc"}, tt.args...), nil, a.out, a.err); code != 0 {
			t.Errorf("%s: exit status %d", tt.name, code)
		}
		got := strings.Split(strings.TrimSpace(out()), "\n")
		if directive := got[len(got)-1]; directive != ":4" && tt.name != "verbs" { // no files
			t.Errorf("%s: %q", tt.name, got)
		}
		if strings.Join(got[:len(got)-1], " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestCompletionScripts: each shell that is here reads its script.
func TestCompletionScripts(t *testing.T) {
	check := map[string][]string{"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		t.Run(shell, func(t *testing.T) {
			a, out, errs := output(t)
			if code := Main([]string{"completion", shell}, nil, a.out, a.err); code != 0 || !strings.Contains(out(), "__complete") {
				t.Fatalf("exit status %d, %q, %s", code, out(), errs())
			}
			argv, ok := check[shell]
			if !ok {
				return
			}
			if _, err := exec.LookPath(argv[0]); err != nil {
				gate.Skip(t, "no "+shell+" to read it")
			}
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(out()), 0o600); err != nil {
				t.Fatal(err)
			}
			if said, err := exec.Command(argv[0], append(argv[1:], file)...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
	if a, _, errs := output(t); Main([]string{"completion", "csh"}, nil, a.out, a.err) != exitUsage || !strings.Contains(errs(), "bash, zsh, fish, powershell") {
		t.Errorf("csh: %s", errs())
	}
}
