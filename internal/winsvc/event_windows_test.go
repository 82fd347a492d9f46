package winsvc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReport: what is reported is what a person reads, in the words of Windows' own tool.
func TestReport(t *testing.T) {
	name := fmt.Sprintf("apexd-test-%d", os.Getpid())
	err := AddSource(name)
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("needs an administrator: %v", err)
	}
	if err != nil || !HasSource(name) {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := RemoveSource(name); err != nil || HasSource(name) {
			t.Errorf("%v", err)
		}
	})
	e := Event{ID: EventFailed, Daemon: "web", Project: `C:\shop`, Detail: "the workload exited with status 7 at http://h/a%20b", Log: `C:\shop\.apex\web.log`}
	Report(name, e)
	if onWine() {
		t.Skip("Wine keeps no event log to read it in")
	}
	tool := filepath.Join(os.Getenv("SystemRoot"), "System32", "wevtutil.exe")
	for _, want := range strings.Split(e.Text(), "\r\n\r\n") {
		var out []byte
		for range 300 { // nothing tells when the log has an event
			if out, err = exec.Command(tool, "qe", "Application", "/q:*[System[Provider[@Name='"+name+"']]]", "/f:text").CombinedOutput(); strings.Contains(string(out), want) {
				break
			}
			<-time.After(100 * time.Millisecond)
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s%v", want, out, err)
		}
	}
}
