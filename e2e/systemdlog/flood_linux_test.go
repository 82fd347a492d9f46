package systemdlog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

var journalFor = flag.Duration("journal.for", 2*time.Second, "how long each workload of TestJournalFlood writes")

// What a flood may cost.
const (
	floodUSS  = 24 << 10 // KiB, of the daemon: as e2e/storm's TestFlood allows
	floodRSS  = 64 << 10 // KiB, of a command that looks on
	floodLook = time.Minute
)

// The workload of TestJournalFlood is this program with floodVariable, and numbers its lines.
const (
	floodVariable = "APEXD_SYSTEMDLOG_FLOOD"
	floodLine     = "flood %012d a line of some hundred bytes, as a program writes that tells of each thing that it does, twice\n"
)

// floods writes lines as fast as they are taken.
func floods() int {
	var b []byte
	for i := 0; ; {
		b = b[:0]
		for range 600 {
			b = fmt.Appendf(b, floodLine, i)
			i++
		}
		if _, err := os.Stdout.Write(b); err != nil {
			return 1
		}
	}
}

// TestJournalFlood: a workload that writes to the journal as fast as it goes. The daemon's memory is bounded, who looks on is answered, stop takes no longer than it may, and what
// is missing in between is said: by apexd where journald took too long, by journald where it has a limit. A unit of ours has none; a daemon without a unit has journald's.
func TestJournalFlood(t *testing.T) {
	inside(t)
	limit(t, "RateLimitIntervalSec=1s\nRateLimitBurst=20\n")
	for _, row := range []struct {
		name    string
		start   func(t *testing.T, d daemon) // and has it stopped when the test ends
		limited bool                         // by journald
		said    bool                         // and `apexd logs` says so
	}{
		{"a unit", func(t *testing.T, d daemon) { d.install(t, "--now") }, false, false},
		{"a unit that somebody has limited", func(t *testing.T, d daemon) {
			unit := d.install(t)
			drop := filepath.Join("/etc/systemd/system", unit+".d")
			if err := errors.Join(os.Mkdir(drop, 0o755), os.WriteFile(filepath.Join(drop, "limit.conf"), []byte("[Service]\nLogRateLimitIntervalSec=1s\n"), 0o644)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(drop) }) // the world goes
			run(t, exec.Command("systemctl", "daemon-reload"))
			run(t, d.apexd("start"))
		}, true, true},
		{"in a unit of others", func(t *testing.T, d daemon) { // as in a session, which is one
			cmd := d.apexd("start")
			run(t, exec.Command("systemd-run", append([]string{"--scope", "--quiet"}, cmd.Args...)...))
			t.Cleanup(func() { run(t, d.apexd("kill")) })
		}, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := project(t, "  log: {store: journal}\n  stopTimeout: 5s\n")
			d.floods(t)
			began := time.Now()
			row.start(t, d)
			pid := d.pid(t)
			ctx, cancel := context.WithTimeout(t.Context(), *journalFor)
			defer cancel()
			looks := make(chan int)
			go func() { looks <- d.looks(ctx, t) }()
			most := sample(ctx, pid)
			n := <-looks
			flooded := time.Since(began)
			stopping := time.Now()
			run(t, d.apexd("stop"))
			took := time.Since(stopping)
			run(t, exec.Command("journalctl", "--sync"))
			shown, missing, told := d.gaps(t)
			suppressed := suppressed(t, began)
			t.Logf("%s: %d lines shown, %d missing between them, of which apexd tells %d, and journald %d; the daemon's USS at most %d KiB; %d looks; stop took %s",
				flooded.Round(time.Millisecond), shown, missing, told, suppressed, most, n, took.Round(time.Millisecond))
			if most == 0 || most > floodUSS {
				t.Errorf("%d KiB are allowed", floodUSS)
			}
			if took >= service.DefaultStopTimeout {
				t.Errorf("stop took %s", took)
			}
			if shown == 0 || n == 0 {
				t.Error("nothing was shown")
			}
			if row.limited != (suppressed > 0) {
				t.Errorf("journald has left out %d lines", suppressed)
			}
			if row.said != (told > 0) || missing > told+suppressed {
				t.Errorf("%d lines are missing, and nobody says so", missing-told)
			}
		})
	}
}

// limit gives journald other settings, and takes them back.
func limit(t *testing.T, settings string) {
	t.Helper()
	const drop = "/etc/systemd/journald.conf.d/zz-test.conf" // after the world's own
	restart := func() { run(t, exec.Command("systemctl", "restart", "systemd-journald")) }
	if err := os.WriteFile(drop, []byte("[Journal]\n"+settings), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(drop); err != nil {
			t.Error(err)
		}
		restart()
	})
	restart()
}

// floods gives d the workload that floods.
func (d daemon) floods(t *testing.T) {
	t.Helper()
	path := filepath.Join(d.dir, ".apex", "config.yaml")
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(b), workloadVariable, floodVariable, 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (d daemon) pid(t *testing.T) int {
	t.Helper()
	var s service.Status
	if err := json.Unmarshal([]byte(run(t, d.apexd("status", "--json"))), &s); err != nil || s.PID == nil || s.Log == nil || s.Log.Kind != service.LogJournal {
		t.Fatalf("%v, %+v", err, s)
	}
	return *s.PID
}

// looks looks at the log and at the daemon until ctx is done, and returns how often.
func (d daemon) looks(ctx context.Context, t *testing.T) (n int) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		t.Error(err)
	}
	for ; ctx.Err() == nil; n++ {
		for _, args := range [][]string{{"logs", "-n", "20"}, {"logs", "--since", "1s", "-n", "5"}, {"status"}, {"history"}} {
			limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), floodLook)
			cmd := exec.CommandContext(limit, d.apexd().Path, append(args, "--project", d.dir)...)
			out, err := cmd.CombinedOutput()
			cancel()
			if err != nil {
				t.Errorf("%q: %v: %.500s", args, err, out)
				return n
			}
			if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && ru.Maxrss > max(floodRSS, own.Maxrss) {
				t.Errorf("%q took %d KiB", args, ru.Maxrss)
			}
			if args[0] == "logs" && args[1] == "-n" && strings.Count(string(out), "\n") != 20 {
				t.Errorf("%q: %d lines", args, strings.Count(string(out), "\n"))
			}
		}
	}
	return n
}

// sample is the most that the process had for itself alone until ctx is done, in KiB (smaps_rollup, proc_pid_smaps(5)).
func sample(ctx context.Context, pid int) (most int) {
	private := regexp.MustCompile(`(?m)^Private_(?:Clean|Dirty): +(\d+) kB$`)
	for tick := time.NewTicker(20 * time.Millisecond); ; { // the most of it is no event
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // one that is gone has nothing
		sum := 0
		for _, m := range private.FindAllSubmatch(b, -1) {
			n, _ := strconv.Atoi(string(m[1])) // digits
			sum += n
		}
		most = max(most, sum)
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return most
		}
	}
}

// gaps reads the log, all of it: how many numbered lines are there, how many are missing between them, and how many of those apexd itself says are lost.
func (d daemon) gaps(t *testing.T) (shown, missing, told int) {
	t.Helper()
	lost := regexp.MustCompile(`Lost (\d+) lines here|^Suppressed (\d+) messages from `)
	last, torn := -1, ""
	d.lines(t, func(line string) {
		if m := lost.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1] + m[2]) // digits
			told += n
			return
		}
		n := 0
		if _, err := fmt.Sscanf(line, "flood %d ", &n); err != nil {
			return
		}
		if torn != "" {
			t.Errorf("no whole line: %q", torn)
		}
		if fmt.Sprintf(floodLine, n) != line {
			torn = line // the last one may be: its writer was stopped
		}
		if n <= last {
			t.Errorf("line %d comes after %d", n, last)
		}
		if last >= 0 { // what is before the first line has left the journal, which is bounded
			missing += n - last - 1
		}
		last = n
		shown++
	})
	return shown, missing, told
}

// lines calls fn with each line of the log. It keeps none of them: what this process has is what its children seem to have, see getrusage(2) and exec_mmap in the kernel.
func (d daemon) lines(t *testing.T, fn func(line string)) {
	t.Helper()
	cmd := d.apexd("logs", "--raw")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // its end, which Wait judges
		}
		fn(line)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("logs: %v", err)
	}
}

// suppressed is how many entries journald says that it has left out since then (SD_MESSAGE_JOURNAL_DROPPED, systemd.journal-fields(7)).
func suppressed(t *testing.T, since time.Time) (n int) {
	t.Helper()
	out := run(t, exec.Command("journalctl", fmt.Sprintf("--since=@%d", since.Unix()), "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e", "--output-fields=N_DROPPED", "-ojson"))
	for line := range strings.Lines(out) {
		var e struct {
			Dropped string `json:"N_DROPPED"`
		}
		if err := json.Unmarshal([]byte(line), &e); err == nil {
			k, _ := strconv.Atoi(e.Dropped) // an entry of a journald without the field is no number
			n += k
		}
	}
	return n
}
