// Package node tries what docs/node.md shows, with a real Node.
package node

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// limit bounds everything that is executed here.
const limit = 2 * time.Minute

func TestDaemonManager(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		gate.Skip(t, "needs Node.js (node in PATH)")
	}
	dir := t.TempDir()
	apexd := filepath.Join(dir, "apexd")
	if runtime.GOOS == "windows" {
		apexd += ".exe"
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	run(t, nil, "go", "build", "-o", apexd, root)
	project := filepath.Join(dir, "project")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "LOCALAPPDATA="+filepath.Join(dir, "state"), "HOME="+dir)
	t.Cleanup(func() {
		for _, name := range []string{"daemon", "broken"} {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			cmd := exec.CommandContext(ctx, apexd, "kill", "--project", project, "--name", name)
			cmd.Env = env
			_ = cmd.Run() // nothing runs unless the test has failed
			cancel()
		}
	})
	out := run(t, env, node, filepath.Join("testdata", "check.mjs"), filepath.Join(root, "docs", "node", "daemon-manager.mjs"), apexd, project)
	if !strings.HasSuffix(out, "five methods work\n") {
		t.Errorf("%s", out)
	}
}

// run returns what argv writes, which must end well.
func run(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = env, &out, &out, time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, &out)
	}
	return out.String()
}
