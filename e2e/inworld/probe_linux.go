package inworld

import (
	"encoding/json"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
)

// Given is what a process was given, byte by byte.
type Given struct {
	Args, Env [][]byte
	Dir       []byte
	UID       int
}

// Probe is a daemon that says in file what it was given, is ready where somebody wants to know, and ends when asked. It returns its exit status.
func Probe(file string) int {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	g := Given{UID: os.Getuid()}
	for _, a := range os.Args {
		g.Args = append(g.Args, []byte(a))
	}
	for _, e := range os.Environ() {
		g.Env = append(g.Env, []byte(e))
	}
	dir, err := syscall.Getwd() // os.Getwd believes PWD
	if err != nil {
		return 1
	}
	g.Dir = []byte(dir)
	b, err := json.Marshal(g)
	if err != nil || os.WriteFile(file+".new", b, 0o644) != nil || os.Rename(file+".new", file) != nil {
		return 1
	}
	if address := os.Getenv("NOTIFY_SOCKET"); address != "" {
		c, err := net.Dial("unixgram", address)
		if err != nil {
			return 1
		}
		defer c.Close()
		if _, err := c.Write([]byte("READY=1")); err != nil {
			return 1
		}
	}
	<-end
	return 0
}

// ReadGiven is what a Probe has said in file.
func ReadGiven(t *testing.T, file string) Given {
	t.Helper()
	var g Given
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Want compares: these arguments and no others, and at least these variables.
func (g Given) Want(t *testing.T, args, env []string) {
	t.Helper()
	text := func(all [][]byte) (out []string) {
		for _, b := range all {
			out = append(out, string(b))
		}
		return out
	}
	if got := text(g.Args); !slices.Equal(got, args) {
		t.Errorf("arguments %q\n     want %q", got, args)
	}
	got := text(g.Env)
	for _, kv := range env {
		if !slices.Contains(got, kv) {
			t.Errorf("%q is not in its environment %q", kv, got)
		}
	}
}
