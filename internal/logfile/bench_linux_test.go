package logfile

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// BenchmarkRelayAgainstFloor runs a workload (wl --chatty) once under the C floor (floor relay: read 64 KiB, write them, no rotation) and once under Relay with
// rotation, in turn, and reports the median of the ratios. One iteration is one pair:
//
//	BENCH_HOME=~/.cache/dmbench go test -run '^$' -bench RelayAgainstFloor -benchtime 20x ./internal/logfile
//
// policy=default is what a daemon has (10 MiB, 5 files, gzip); policy=keep keeps every file and checks every line.
func BenchmarkRelayAgainstFloor(b *testing.B) {
	bin := filepath.Join(os.Getenv("BENCH_HOME"), "bin")
	if _, err := os.Stat(filepath.Join(bin, "floor")); err != nil {
		b.Skip("needs BENCH_HOME with bin/wl and bin/floor (bench/build.sh)")
	}
	keep := service.LogPolicy{MaxSize: service.DefaultLogMaxSize, MaxFiles: 10_000, Compress: true}
	std := keep
	std.MaxFiles = service.DefaultLogMaxFiles
	for name, args := range map[string][]string{"line": {"--chatty", "1000000", "--line", "100"}, "block": {"--chatty", "4000000", "--line", "100", "--block", "65536"}} {
		for kind, p := range map[string]service.LogPolicy{"default": std, "keep": keep} {
			b.Run(name+"/policy="+kind, func(b *testing.B) { comparePair(b, bin, p, kind == "keep", args) })
		}
	}
}

func comparePair(b *testing.B, bin string, p service.LogPolicy, check bool, args []string) {
	lines, _ := strconv.Atoi(args[1])
	var ours, floor, ratio []float64
	for i := 0; b.Loop(); i++ {
		var o, f float64
		if i%2 == 0 {
			f = runFloor(b, bin, args, lines)
			o = runRelay(b, bin, p, check, args, lines)
		} else {
			o = runRelay(b, bin, p, check, args, lines)
			f = runFloor(b, bin, args, lines)
		}
		ours, floor, ratio = append(ours, o), append(floor, f), append(ratio, o/f)
	}
	b.ReportMetric(median(ratio), "×floor")
	b.ReportMetric(median(ours), "MB/s")
	b.ReportMetric(median(floor), "floor-MB/s")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func runFloor(b *testing.B, bin string, args []string, lines int) float64 {
	dir := tempDir(b)
	ev, log, pid := filepath.Join(dir, "ev"), filepath.Join(dir, "log"), filepath.Join(dir, "pid")
	cmd := exec.Command(bin+"/floor", append([]string{"relay", pid, log, bin + "/wl", ev}, args...)...)
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	began, done := chatted(b, ev)
	want := int64(lines)*100 + int64(len("ready\n"))
	eventually(b, "floor has written everything", func() bool {
		fi, err := os.Stat(log)
		return err == nil && fi.Size() >= want
	})
	text, _ := os.ReadFile(pid)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		b.Fatal(err)
	}
	end := max(done, written(b, log))
	if err := syscall.Kill(n, syscall.SIGTERM); err != nil { // it passes the signal on and waits for wl
		b.Fatal(err)
	}
	eventually(b, "floor is gone", func() bool { return syscall.Kill(n, 0) != nil || zombie(n) })
	return float64(want) / 1e6 / (float64(end-began) / 1e9)
}

// zombie: nobody may be reaping orphans here.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(b, []byte(") Z "))
}

func runRelay(b *testing.B, bin string, p service.LogPolicy, check bool, args []string, lines int) float64 {
	p.Path = ""
	w, path := testWriter(b, p)
	ev := filepath.Join(filepath.Dir(path), "ev")
	r, in, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(bin+"/wl", append([]string{ev}, args...)...)
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	in.Close()
	relayed := make(chan error, 1)
	go func() { relayed <- w.Relay(r, nil) }()
	began, done := chatted(b, ev)
	cmd.Process.Kill()
	if err := <-relayed; err != nil {
		b.Fatal(err)
	}
	end := max(done, written(b, path))
	cmd.Wait()
	r.Close()
	w.Close()
	if check {
		checkChatted(b, path, lines)
	}
	return float64(lines*100+6) / 1e6 / (float64(end-began) / 1e9)
}

// chatted waits until the workload has written everything, and returns when it began and ended, in nanoseconds of CLOCK_MONOTONIC.
func chatted(b *testing.B, ev string) (began, done int64) {
	deadline := time.Now().Add(2 * time.Minute)
	for done == 0 && time.Now().Before(deadline) {
		<-time.After(20 * time.Millisecond) // another process's file: no event
		text, _ := os.ReadFile(ev)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			switch f[0] {
			case "chat":
				began, _ = strconv.ParseInt(f[2], 10, 64)
			case "done":
				done, _ = strconv.ParseInt(f[2], 10, 64)
			}
		}
	}
	if done == 0 {
		b.Fatal("the workload is not done")
	}
	return began, done
}

// written is the time of last write of a file, as CLOCK_MONOTONIC.
func written(b *testing.B, name string) int64 {
	fi, err := os.Stat(name)
	if err != nil {
		b.Fatal(err)
	}
	var mono unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono); err != nil {
		b.Fatal(err)
	}
	return mono.Nano() - time.Since(fi.ModTime()).Nanoseconds()
}

func checkChatted(b *testing.B, path string, lines int) {
	next, torn := 0, 0
	for _, name := range files(b, path) {
		s := bufio.NewScanner(strings.NewReader(content(b, name)))
		for s.Scan() {
			line := s.Text()
			if line == "ready" {
				continue
			}
			n, err := strconv.Atoi(line[:min(12, len(line))])
			if err != nil || len(line) != 99 || n != next {
				torn++
			}
			next = n + 1
		}
	}
	if torn > 0 || next != lines {
		b.Errorf("%d lines torn, lost or out of order; the last is %d of %d", torn, next-1, lines)
	}
}
