package logfile

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

const relayStdin = "APEXD_LOGFILE_RELAY"

// TestKilledRelayLosesNoMoreThanThePipe runs itself again as the relay of a pipe, and kills that with SIGKILL in the middle of a flood.
func TestKilledRelayLosesNoMoreThanThePipe(t *testing.T) {
	if path := os.Getenv(relayStdin); path != "" {
		w, err := Open(service.LogPolicy{Path: path, MaxSize: 100_000, MaxFiles: 1000, Compress: true})
		if err == nil {
			err = w.Relay(os.Stdin, nil)
		}
		t.Fatal("relay has ended:", err)
	}
	path := tempDir(t) + "/daemon.log"
	r, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledRelayLosesNoMoreThanThePipe$")
	cmd.Env, cmd.Stdin = append(os.Environ(), relayStdin+"="+path), r
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	const width = 100
	lines := 0
	for ; ; lines++ {
		if lines == 20_000 {
			cmd.Process.Signal(syscall.SIGKILL)
		}
		if _, err := fmt.Fprint(in, numbered(lines, lines+1, width)); err != nil { // EPIPE: the reader is gone
			break
		}
	}
	in.Close()
	cmd.Wait()
	if f, err := os.OpenFile(path, os.O_CREATE, 0o600); err == nil { // it was killed between a rename and the next file
		f.Close()
	}
	text := whole(t, path)
	stored := strings.Count(text, "\n")
	checkNumbered(t, text[:stored*width], stored)
	if lost, most := (lines-stored)*width, 2*relayBuffer; lost > most { // what the pipe held, and what had been read but not written
		t.Errorf("%d bytes lost, at most %d", lost, most)
	}
}
