package systemdlog

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// The workload writes a first burst of lines, and a second one when somebody opens the FIFO for writing. Each ends with a line of its own.
const (
	workloadVariable = "APEXD_SYSTEMDLOG_FIFO"
	firstBurst       = 10_000
	secondBurst      = 100
	firstEnd         = "the first burst is over"
	secondEnd        = "the second burst is over"
)

// line is the i-th line of output: of mixed lengths, levels and bytes.
func line(i int) string {
	switch {
	case i%1000 == 999:
		return fmt.Sprintf("%06d ", i) + strings.Repeat("0123456789", 5000+i) // longer than an entry
	case i%100 == 50:
		return fmt.Sprintf("ERROR %06d failed", i)
	case i%100 == 51:
		return "\tat " + strings.Repeat("x", i%60)
	case i%100 == 70:
		return fmt.Sprintf("<4>%06d of sd-daemon(3)", i)
	case i%100 == 71:
		return ""
	case i%100 == 72:
		return fmt.Sprintf(`{"level":"warn","n":%d,"msg":"é\u001b[1m"}`, i)
	case i%100 == 80:
		return fmt.Sprintf("INFO %06d \xff\x00\x1b[2J\r", i)
	}
	return fmt.Sprintf("INFO %06d %s", i, strings.Repeat("é", i*7%700))
}

// burst is the lines from one to another.
func burst(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(i) + "\n")
	}
	return b.String()
}

func output() string {
	return burst(0, firstBurst) + firstEnd + "\n" + burst(firstBurst, firstBurst+secondBurst) + secondEnd + "\n"
}

// workload is this process as the workload.
func workload(fifo string) int {
	stop := make(chan os.Signal, 1) // one is all there will be
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		os.Exit(0)
	}()
	w := bufio.NewWriterSize(os.Stdout, 5000) // pieces that end anywhere
	say := func(text string) bool {
		_, err := w.WriteString(text)
		return err == nil && w.Flush() == nil
	}
	if !say(burst(0, firstBurst) + firstEnd + "\n") {
		return 1
	}
	f, err := os.Open(fifo) // waits for the other side, fifo(7)
	if err != nil {
		say(err.Error() + "\n")
		return 1
	}
	defer f.Close()
	if !say(burst(firstBurst, firstBurst+secondBurst) + secondEnd + "\n") {
		return 1
	}
	select {}
}
