// Package export holds what "apexd export" writes against the engines' own parsers and validation. It is a module of its own (go.mod): run it in this directory.
package export

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/export"
	"github.com/joshuaaferguson/apexd/service"
)

// daemon is one with the configuration's defaults.
func daemon() export.Daemon {
	return export.Daemon{Key: "shop-0123456789ab", Spec: service.Spec{
		Project: "/src/shop", Name: "daemon", Dir: "/src/shop", Command: []string{"node"}, StopSignal: "SIGTERM", StopTimeout: 10 * time.Second,
		Readiness: service.Readiness{Kind: service.ReadyStarted, Timeout: time.Minute},
		Restart:   service.RestartPolicy{When: service.RestartOnFailure, Delay: time.Second, Max: 30 * time.Second, Limit: 5, Window: time.Minute},
		Log:       service.LogPolicy{MaxSize: 10 << 20, MaxFiles: 5},
	}}
}

// goldens are the documents of internal/export's own tests for e, by name.
func goldens(t *testing.T, e export.Engine) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../../internal/export/testdata/*." + string(e))
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d documents: %v", len(paths), err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(path)] = bytes.ReplaceAll(b, []byte("@sha256:0123"), []byte("@sha256:"+strings.Repeat("0123", 16)))
	}
	return found
}

// words is a command that every format has a use for.
func words(r *rand.Rand, not ...string) []string {
	pieces := []string{
		`"`, `'`, `\`, "$", "${A}", "$(A)", "$$", "%", "%{", "%h", "%%", "{{", "}}", "\n", "\r", "\t", " ", "#", ": ", "- ", "&a", "*a", "!", "|", "<<EOT", "ä", "店", "\U0001f600",
		"\u0085", "\u2028", "\ufeff", "\x01", "\x1b[0m", "\x7f", "a", "0", "~", "null", "yes", "=", ";", "[Service]", "APEX_PROJECT_PATH",
	}
	pieces = slices.DeleteFunc(pieces, func(p string) bool { return slices.Contains(not, p) })
	out := make([]string, 3)
	for i := range out {
		var b strings.Builder
		for range r.IntN(6) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		out[i] = b.String()
	}
	return out
}

// roundTrip has read find in the text for e what was said.
func roundTrip(t *testing.T, e export.Engine, n int, read func(t *testing.T, text []byte) []string, not ...string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		d := daemon()
		d.Spec.FromArgs, d.Spec.Command = true, words(r, not...)
		doc, err := export.Render(e, d, export.Options{Image: "example.org/shop:1", Ports: []int{8080}})
		if err != nil {
			if e == export.Nomad && strings.Contains(strings.Join(d.Spec.Command, "\x00"), "${") {
				continue
			}
			t.Fatal(err)
		}
		want := append([]string{"run", "--"}, d.Spec.Command...)
		if got := read(t, []byte(doc.Text)); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q\n%s", got, want, doc.Text)
		}
	}
}
