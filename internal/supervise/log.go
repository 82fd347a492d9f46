package supervise

import (
	"os"

	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Log is where the workload's output and the daemon's own lines go. All methods but Launched are safe for concurrent use.
type Log interface {
	// WriteLine appends a line of the daemon's own, without its newline, on a line of its own.
	WriteLine(line []byte) error
	// Relay copies the workload's output, and to tee when that is not nil, until src ends (nil) or fails. It loses and tears no line that the store can take.
	Relay(src, tee *os.File) error
	// SetTap has f called with each line of relayed output that ends from now on, without its newline; nil ends that. f must not block, and may call SetTap.
	SetTap(f func(line []byte))
	// Launched says that the output of the next Relay is that of the process pid.
	Launched(pid int)
	// Tail returns the last lines, oldest first, n at most, fit to be shown.
	Tail(n int) []string
	// TakeStderr has redirect called with the file that standard error shall be from now on, now and whenever it changes.
	TakeStderr(redirect func(*os.File) error) error
	// Reopen takes the store anew, after somebody has moved or deleted it.
	Reopen() error
	// SetPolicy changes the bounds, not the place.
	SetPolicy(p service.LogPolicy)
	// Ref says where this is, for the record.
	Ref() service.LogRef
	// Close writes what waits. It waits a moment at most.
	Close() error
}

// fileLog is the log that is a file.
type fileLog struct {
	*logfile.Writer
	path string
}

var _ Log = fileLog{}

// OpenFile opens the log file of p, as logfile.Open does.
func OpenFile(p service.LogPolicy) (Log, error) {
	w, err := logfile.Open(p)
	if err != nil {
		return nil, err
	}
	return fileLog{w, p.Path}, nil
}

func (fileLog) Launched(int) {}

func (l fileLog) Ref() service.LogRef { return service.LogRef{Kind: service.LogFile, Path: l.path} }

func (l fileLog) Tail(n int) []string {
	lines, err := logfile.Tail(l.path, n)
	if err != nil {
		return nil
	}
	return lines
}

// TakeStderr implements Log: where the first file went, the others go.
func (l fileLog) TakeStderr(redirect func(*os.File) error) error {
	err := redirect(l.File())
	l.OnReopen(func(f *os.File) { _ = redirect(f) })
	return err
}
