//go:build unix

package backends

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A function gets the sockets of the configuration, the same ones after it has failed: who connects in between is served by the next run.
func TestSocketsOfAFunction(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "conf"))
	t.Setenv("HOME", dir)
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "daemon: {sockets: {http: 0}, restart: {delay: 0}}\n"
	if err := os.WriteFile(filepath.Join(dir, ".apex", "config.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	runs, early := 0, make(chan net.Conn, 1) // the one that connects before anybody accepts
	workload := func(ctx context.Context, ready func(string)) error {
		files, err := Sockets(ctx)
		if err != nil || len(files) != 1 || files[0].Name() != "http" {
			t.Errorf("%v, %v", files, err)
			cancel()
			return err
		}
		l, err := net.FileListener(files[0])
		files[0].Close()
		if err != nil {
			return err
		}
		defer l.Close()
		ready(l.Addr().String())
		if runs++; runs == 1 {
			c, err := net.Dial("tcp", l.Addr().String())
			early <- c
			return errors.Join(err, errors.New("the first run fails"))
		}
		c, err := l.Accept()
		if err == nil {
			_, err = c.Write([]byte("x"))
			c.Close()
		}
		cancel()
		return err
	}
	if err := Run(ctx, Options{ProjectPath: dir}, workload); err != nil {
		t.Error(err)
	}
	c := <-early
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if b := make([]byte, 1); runs != 2 {
		t.Errorf("%d runs", runs)
	} else if _, err := c.Read(b); err != nil || b[0] != 'x' {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := net.Dial("tcp", c.RemoteAddr().String()); err == nil {
		t.Error("the socket is open after Run has returned")
	}
	if files, err := Sockets(t.Context()); files != nil || err != nil {
		t.Errorf("without a daemon: %v, %v", files, err)
	}
}
