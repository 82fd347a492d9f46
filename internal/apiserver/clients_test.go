package apiserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// newReader is c with what was read of it already.
func newReader(read []byte, c io.Reader) *bufio.Reader {
	return bufio.NewReader(io.MultiReader(bytes.NewReader(read), c))
}

// TestGoClient: net/http's client, with its pool of connections, gets along with a server that keeps none.
func TestGoClient(t *testing.T) {
	s := listen(t, Options{Version: "0.4.0"})
	serve(t, s)
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			method, want := []string{"GET", "HEAD", "POST"}[i%3], []int{200, 200, 405}[i%3]
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+"/status", nil)
			if method == "POST" {
				r, err = http.NewRequestWithContext(t.Context(), method, "http://"+s.Address()+"/status", strings.NewReader(strings.Repeat("x", 32<<10)))
			}
			if err != nil {
				t.Error(err)
				return
			}
			a, err := client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer a.Body.Close()
			b, err := io.ReadAll(a.Body)
			if err != nil || a.StatusCode != want || (len(b) == 0) != (method == "HEAD") || !a.Close {
				t.Errorf("%s: %d, %d bytes, %v", method, a.StatusCode, len(b), err)
			}
		})
	}
	wg.Wait()
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	tests := []struct {
		name  string
		args  []string
		stdin string
		want  string
	}{
		{"GET", nil, "", "ok 200 1.1 2"},
		{"HTTP/1.0", []string{"--http1.0"}, "", "ok 200 1.1 2"},
		{"upgrade to HTTP/2 is not taken", []string{"--http2"}, "", "ok 200 1.1 2"},
		{"body", []string{"--data-binary", "@-"}, strings.Repeat("x", 32<<10), "this API can only be read 405 1.1 25"},
		{"body of unknown length", []string{"-T", "-"}, strings.Repeat("x", 32<<10), "this API can only be read 405 1.1 25"},
		{"body with Expect", []string{"--data-binary", "@-", "-H", "Expect: 100-continue"}, strings.Repeat("x", 32<<10), "this API can only be read 405 1.1 25"},
		{"as a proxy", []string{"-x", "PROXY"}, "", "ok 200 1.1 2"},
		{"cookies of the whole machine", []string{"-b", "a=" + strings.Repeat("x", 7<<10)}, "", "ok 200 1.1 2"},
	}
	s := listen(t, Options{})
	serve(t, s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"-q", "-sS", "--noproxy", "", "--max-time", "10", "-w", " %{http_code} %{http_version} %{size_download}"}
			for _, a := range tt.args {
				args = append(args, strings.ReplaceAll(a, "PROXY", "http://"+s.Address()))
			}
			cmd := exec.CommandContext(t.Context(), curl, append(args, "http://"+s.Address()+"/healthz")...)
			cmd.Env = []string{"HOME=" + t.TempDir()} // no proxy of the machine's
			cmd.Stdin = strings.NewReader(tt.stdin)
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != tt.want {
				t.Errorf("%q, %v, want %q", out, err, tt.want)
			}
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), curl, "-q", "-sS", "--noproxy", "*", "-I", "http://"+s.Address()+"/healthz").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(string(out), "\r\n\r\n") {
			t.Errorf("%q, %v", out, err)
		}
	})
}

// panicking makes this test binary a server whose Status panics; TestPanic runs it.
const panicking = "APEXD_TEST_PANICKING_SERVER"

func TestPanickingServer(t *testing.T) {
	if os.Getenv(panicking) == "" {
		return // it is TestPanic's
	}
	s, err := Listen(Options{Address: service.DefaultAPIAddress, Status: func() service.Status { panic("broken status") }})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("listening", s.Address())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	t.Fatal("Serve ended: ", s.Serve(ctx))
}

// TestPanic: a bug in Status ends the process, for whoever supervises it to see; the client gets nothing that looks like an answer.
func TestPanic(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPanickingServer$", "-test.v")
	cmd.Env = append(os.Environ(), panicking+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := ""
	lines := bufio.NewScanner(out)
	for address == "" && lines.Scan() {
		address, _ = strings.CutPrefix(lines.Text(), "listening ")
		if !strings.HasPrefix(address, "127.0.0.1:") {
			address = ""
		}
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	if r, err := client.Get("http://" + address + "/readyz"); err == nil {
		t.Errorf("an answer: %s", r.Status)
		r.Body.Close()
	}
	io.Copy(io.Discard, out)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || !strings.Contains(stderr.String(), "broken status") {
		t.Errorf("the process ended with %v and said %q", err, stderr.String())
	}
}
