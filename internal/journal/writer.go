package journal

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/service"
)

// How long an entry waits for room in journald's queue before it is given up. journald restarts in less; the daemon's one goroutine must not wait for long.
const (
	outputPatience    = 5 * time.Second
	lifecyclePatience = time.Second
)

// transport takes entries to journald. It is used by one goroutine at a time.
type transport interface {
	// send waits up to patience for room; 0: not at all.
	send(entry []byte, patience time.Duration) error
	close()
}

// Writer sends the lines of one daemon to the journal. All methods are safe for concurrent use; Launched belongs to whoever calls Relay.
type Writer struct {
	o      Options
	common []byte
	dial   func() transport
	now    func() time.Time
	tap    atomic.Pointer[func([]byte)]
	pid    atomic.Int64
	losses losses
	recent recent

	mu  sync.Mutex // of own
	own transport  // for the daemon's lines
	buf []byte
}

// Options says whose lines these are. Project and Name are required.
type Options struct {
	Project string
	Name    string // of the daemon
	Unit    string // "" where no manager keeps the daemon
	Format  string // of lines about the log itself: "text" or "json"
	Socket  string // SocketPath, but in tests
}

// Open returns a Writer. journald need not be there: what it does not take is counted, and reported when it does.
func Open(o Options) *Writer {
	w := &Writer{o: o, now: time.Now, dial: func() transport { return newConn(o.Socket) }}
	w.common = appendField(nil, "SYSLOG_IDENTIFIER", []byte(service.RegistrationName(o.Project, o.Name)))
	w.common = appendField(w.common, fieldProject, []byte(o.Project))
	w.common = appendField(w.common, fieldDaemon, []byte(o.Name))
	return w
}

// Ref is the unit, or the SYSLOG_IDENTIFIER of a daemon that is no unit.
func (w *Writer) Ref() service.LogRef {
	path := w.o.Unit
	if path == "" {
		path = service.RegistrationName(w.o.Project, w.o.Name)
	}
	return service.LogRef{Kind: service.LogJournal, Path: path}
}

// WriteLine sends a line of the daemon's own.
func (w *Writer) WriteLine(line []byte) error {
	p := priorities{last: journal.PriInfo}
	n, _ := p.of(line)
	return w.WriteEntry(int(n), string(line), line)
}

// WriteEntry sends a line of the daemon's own: message for people, line for `apexd logs`. It waits at most a second.
func (w *Writer) WriteEntry(severity int, message string, line []byte) error {
	w.recent.add(line)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.own == nil {
		w.own = w.dial()
	}
	w.buf = w.lifecycle(w.buf[:0], journal.Priority(severity), message, line)
	return w.deliver(w.own, w.buf, lifecyclePatience)
}

func (w *Writer) lifecycle(b []byte, p journal.Priority, message string, line []byte) []byte {
	b = append(b, w.common...)
	b = append(b, "APEX_STREAM=lifecycle\n"...)
	b = appendPriority(b, p)
	b = appendField(b, fieldMessage, []byte(message))
	return appendField(b, fieldLine, line)
}

// deliver sends one entry. After a failure the following ones are not waited for, and tried again only now and then, until one gets through after the
// report of what was lost.
func (w *Writer) deliver(t transport, entry []byte, patience time.Duration) error {
	n, try, err := w.losses.before(w.now())
	if !try {
		return err
	}
	if n > 0 {
		if e := t.send(w.lossReport(n, err), 0); e != nil {
			w.losses.add(n+1, e, w.now())
			return e
		}
	}
	if err := t.send(entry, patience); err != nil {
		w.losses.add(1, err, w.now())
		return err
	}
	return nil
}

func (w *Writer) lossReport(n int64, err error) []byte {
	msg := lossText(n, err)
	return w.lifecycle(nil, journal.PriWarning, msg, logfile.Lifecycle(w.o.Format, w.now(), msg))
}

// SetTap has f called with each line of relayed output that ends from now on, without its newline and cut to 48 KiB; nil ends that. f must not block, and
// may call SetTap.
func (w *Writer) SetTap(f func(line []byte)) {
	if f == nil {
		w.tap.Store(nil)
		return
	}
	w.tap.Store(&f)
}

// Launched says that the next output is that of the process pid.
func (w *Writer) Launched(pid int) { w.pid.Store(int64(pid)) }

// Tail returns up to n of the last 10 lines, fit to be shown.
func (w *Writer) Tail(n int) []string { return w.recent.last(n) }

// TakeStderr has redirect called with a stream to the journal.
func (w *Writer) TakeStderr(redirect func(*os.File) error) error {
	f, err := openStream(w.o.Socket, service.RegistrationName(w.o.Project, w.o.Name), w.o.Unit)
	if err != nil {
		return err
	}
	defer f.Close() // redirect has made a copy of it
	return redirect(f)
}

// Reopen has nothing to do: an entry that finds no journald connects anew.
func (w *Writer) Reopen() error { return nil }

// SetPolicy takes the form of lines; the bounds of the journal are journald's (journald.conf(5)).
func (w *Writer) SetPolicy(service.LogPolicy) {}

// Close reports what was lost, if that can be said now.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.own == nil {
		return nil
	}
	if n, err := w.losses.take(); n > 0 {
		_ = w.own.send(w.lossReport(n, err), lifecyclePatience) // nobody is left to tell
	}
	w.own.close()
	w.own = nil
	return nil
}
