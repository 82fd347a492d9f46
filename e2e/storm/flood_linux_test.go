package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/service"
)

const (
	floodFile  = 1 << 20   // bytes of a log file
	floodFiles = 3         // rotated ones that are kept
	floodSlack = 64 << 10  // for the indexes
	floodUSS   = 24 << 10  // KiB of the daemon, whatever its workload writes
	floodRSS   = 64 << 10  // KiB of who looks at the log, most of them the program's own pages
	floodLine  = 100 << 20 // bytes of a line that is very long
	floodStop  = 2 * time.Second
)

// floods are what a workload writes, without end, as fast as it is read.
func floods() map[string][]byte {
	hostile := "2026-01-02T03:04:05Z ERROR \x1b[2J\x1b[H\x1b]0;owned\x07\x1bP1$r\x1b\\ \x9b2J \xc2\x9b2J \x00\x00 \xff\xfe\xc3\x28 \r over \b\b\x7f \u202eevil\u202c \x1b[31mred\x1b[0m \x0e\x1b(0 <3>x\n" +
		"{\"level\":\"error\",\"msg\":\"\x1b[5n\x00\xff\"}\nWARN \x1b[6n\x05 no end: "
	return map[string][]byte{
		"lines":                                bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 655),
		"no newline at all":                    bytes.Repeat([]byte("x"), 64<<10),
		"lines of 100 MiB":                     nil, // made by the role, of pieces
		"escapes, NULs, what is not UTF-8":     bytes.Repeat([]byte(hostile), 256),
		"the same, and it ignores the SIGTERM": bytes.Repeat([]byte(hostile), 256),
	}
}

// flood DIR KIND writes what floods says. It is ready first.
func flood(args []string) int {
	block, long := floods()[args[1]], 0
	if strings.Contains(args[1], "ignores") {
		ignoreTerm()
	}
	if block == nil {
		block = bytes.Repeat([]byte("x"), 1<<20)
	}
	fmt.Println("ready")
	for end := time.Now().Add(lifetime); time.Now().Before(end); {
		if _, err := os.Stdout.Write(block); err != nil {
			return 1
		}
		if long += len(block); floods()[args[1]] == nil && long >= floodLine {
			fmt.Println()
			long = 0
		}
	}
	return 0
}

// TestFlood: however fast a workload writes and whatever it writes, the log stays within its bound, the daemon and whoever looks at the log within theirs, a terminal is not driven by it,
// and a stop takes no longer than it may.
func TestFlood(t *testing.T) {
	for kind := range floods() {
		t.Run(kind, func(t *testing.T) {
			p := newProject(t)
			p.floods(kind)
			up := p.must("start", 0)
			s, _ := p.truthful()
			ctx, cancel := context.WithTimeout(t.Context(), lasting(2*time.Second, time.Second))
			defer cancel()
			var all sync.WaitGroup
			for _, args := range [][]string{{"-f"}, {"-f", "--level", "error"}} {
				all.Go(func() { p.follows(ctx, args) })
			}
			all.Go(func() { p.looks(ctx) })
			most, disk := p.sample(ctx, up.PID)
			all.Wait()
			written := writtenBy(s.Workload.PID)
			began := time.Now()
			p.must("stop", 0)
			took := time.Since(began)
			p.none(3)
			t.Logf("%d MiB written; the daemon's USS at most %d KiB, the log at most %d KiB; stop took %s", written>>20, most, disk>>10, took.Round(time.Millisecond))
			if most > floodUSS || disk > floodFile*(floodFiles+1)+floodSlack {
				t.Errorf("at most %d KiB and %d KiB are allowed", floodUSS, (floodFile*(floodFiles+1)+floodSlack)>>10)
			}
			if took >= service.DefaultStopTimeout {
				t.Errorf("stop took %s", took)
			}
			if written < floodFile {
				t.Errorf("only %d bytes were written: that is no flood", written)
			}
			p.looks(t.Context())
			p.tidy()
		})
	}
}

// floods configures a workload that floods.
func (p *project) floods(kind string) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"daemon": map[string]any{
		"command": []string{self, "flood", p.dir, kind}, "readiness": map[string]any{"type": "log", "pattern": "^ready"}, "stopTimeout": floodStop.String(),
		"log": map[string]any{"maxSize": strconv.Itoa(floodFile), "maxFiles": floodFiles},
	}})
	if err == nil {
		err = os.WriteFile(p.apex("config.yaml"), config, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// sample looks at the daemon's memory and the log's size until ctx is done, and returns the most it has seen, in KiB and bytes.
func (p *project) sample(ctx context.Context, pid int) (uss int, disk int64) {
	for tick := time.NewTicker(10 * time.Millisecond); ; { // the most of it is no event
		uss, disk = max(uss, privateKiB(pid)), max(disk, p.logBytes())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return uss, disk
		}
	}
}

// writtenBy is how many bytes a process has written (proc_pid_io(5), wchar).
func writtenBy(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid)) // one that is gone has written nothing that counts
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "wchar: "); ok {
			v, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			return v
		}
	}
	return 0
}

// looks has every way to look at a log end by itself, on a terminal and without one, while it is written.
func (p *project) looks(ctx context.Context) {
	for _, args := range [][]string{{"-n", "20"}, {"--since", "1s", "-n", "20"}, {"--level", "error", "-n", "20"}, {"--since", "1h", "--level", "warn"}, {}} {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		cmd := p.logs(limit, args)
		screen := p.onTerminal(cmd)
		p.judgeLook(cmd, args, screen(cmd.Wait()))
		cmd = p.logs(limit, args)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			p.t.Errorf("logs %q: %v", args, err)
		}
		p.judgeMemory(cmd, args)
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}

// follows looks on, on a terminal, until ctx is done; then somebody presses Ctrl-C.
func (p *project) follows(ctx context.Context, args []string) {
	limit, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	cmd := p.logs(limit, args)
	screen := p.onTerminal(cmd)
	<-ctx.Done()
	defer time.AfterFunc(patience, cancel).Stop() // after Ctrl-C
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Errorf("logs %q has ended: %v", args, err)
	}
	p.judgeLook(cmd, args, screen(cmd.Wait()))
}

func (p *project) logs(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(), append([]string{"logs", "--project", p.dir}, args...)...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = p.env, p.home, patience
	return cmd
}

// judgeLook fails the test when what came to the terminal could drive it, or too much memory was taken.
func (p *project) judgeLook(cmd *exec.Cmd, args []string, shown screened) {
	if shown.err != nil || shown.bytes == 0 && !slices.Contains(args, "--level") && !slices.Contains(args, "1s") {
		p.t.Errorf("logs %q: %v, %d bytes", args, shown.err, shown.bytes)
	}
	if shown.drives != "" {
		p.t.Errorf("logs %q drives the terminal: %s", args, shown.drives)
	}
	p.judgeMemory(cmd, args)
}

// judgeMemory looks at the most that cmd had. Where that is no more than this process has had it is this one's: the figure of a child begins with its parent's (getrusage(2), exec_mmap in the
// kernel), and a race detector's is large.
func (p *project) judgeMemory(cmd *exec.Cmd, args []string) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		p.t.Fatal(err)
	}
	if ru, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && ru.Maxrss > max(floodRSS, own.Maxrss) {
		p.t.Errorf("logs %q took %d KiB", args, ru.Maxrss)
	}
}

// screened is what a terminal got.
type screened struct {
	bytes  int64
	drives string
	err    error
}

// onTerminal starts cmd with its output on a terminal of its own. The returned function is called with what cmd.Wait returned.
func (p *project) onTerminal(cmd *exec.Cmd) (screen func(error) screened) {
	keyboard, tty, err := openTerminal()
	if err != nil {
		p.t.Error(err)
		return func(err error) screened { return screened{err: err} }
	}
	cmd.Stdout = tty
	if err := cmd.Start(); err != nil {
		p.t.Error(err)
	}
	tty.Close()
	done := make(chan screened, 1)
	go func() { done <- watchScreen(keyboard) }()
	return func(err error) screened {
		s := <-done
		keyboard.Close()
		s.err = err
		return s
	}
}

// watchScreen reads what is shown until nobody has the terminal open any more, which is an error (EIO).
func watchScreen(f *os.File) screened {
	var s screened
	buf := make([]byte, 32<<10)
	rest := 0 // of a character that is not whole yet
	for {
		n, err := f.Read(buf[rest:])
		s.bytes += int64(n)
		b := buf[:rest+n]
		whole := len(b)
		for k := 1; err == nil && k < min(len(b)+1, utf8.UTFMax) && s.drives == ""; k++ {
			if utf8.RuneStart(b[len(b)-k]) {
				if !utf8.FullRune(b[len(b)-k:]) {
					whole = len(b) - k
				}
				break
			}
		}
		if s.drives == "" {
			s.drives = drives(b[:whole])
		}
		rest = copy(buf, b[whole:])
		if err != nil {
			return s
		}
	}
}

// drives says what in b a terminal could take for an order, or "". It makes CR LF of each newline itself.
func drives(b []byte) string {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		bad := r == utf8.RuneError && n == 1 || r < ' ' && r != '\n' && r != '\t' && r != '\r' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		if r == '\r' && i+1 < len(b) && b[i+1] != '\n' {
			bad = true
		}
		if bad {
			return fmt.Sprintf("%q in %q", r, b[max(0, i-40):min(len(b), i+40)])
		}
		i += n
	}
	return ""
}

// TestDrives shows the judge what it has to find.
func TestDrives(t *testing.T) {
	for text, bad := range map[string]bool{
		"plain\r\n\té→": false, "\x1b[2J": true, "\u009b2J": true, "\x9b": true, "a\rb": true, "\x00": true, "\x7f": true, "\u202e": true, "\xff": true, "^[[2J": false, "\\x9b": false,
	} {
		if got := drives([]byte(text)); (got != "") != bad {
			t.Errorf("%q: %q", text, got)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		defer w.Close()
		for _, b := range []byte("é→😀\x1b") { // byte by byte: a character in two reads is whole
			_, _ = w.Write([]byte{b})
		}
	}()
	if s := watchScreen(r); s.bytes != 10 || !strings.Contains(s.drives, `\x1b`) {
		t.Errorf("%+v", s)
	}
}
