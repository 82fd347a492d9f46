package notify

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxDatagram = 4096 // bytes, as systemd accepts (PIPE_BUF)
	maxStatus   = 1024 // bytes of Message.Status
	maxRejected = 8    // entries of Message.Rejected
	maxQuoted   = 64   // bytes of foreign text in one entry of Message.Rejected
	maxErrno    = 4095 // include/linux/err.h, MAX_ERRNO
)

// ErrMalformed is the reason for refusing a whole datagram.
var ErrMalformed = errors.New("malformed notification")

var (
	errTooLong = fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxDatagram)
	errNUL     = fmt.Errorf("%w: NUL byte", ErrMalformed)
)

// Message is what a workload said in one datagram, or in several that were merged because they came faster than they were handled;
// see [Server.Serve]. The meaning of each key is that of sd_notify(3). A nil pointer: the key was absent.
type Message struct {
	Ready           bool // READY=1
	Reloading       bool // RELOADING=1
	Stopping        bool // STOPPING=1
	Watchdog        bool // WATCHDOG=1
	WatchdogTrigger bool // WATCHDOG=trigger: act as if the watchdog had expired

	Status        *string        // STATUS=, one line of at most 1 KiB of printable UTF-8; "" clears it
	Errno         int            // ERRNO=, 0 when absent
	NewWatchdog   *time.Duration // WATCHDOG_USEC=, the new interval; 0 switches the watchdog off
	ExtendTimeout *time.Duration // EXTEND_TIMEOUT_USEC=, from now
	Monotonic     *time.Duration // MONOTONIC_USEC=, CLOCK_MONOTONIC of the sender

	Barrier  bool     // BARRIER=1, see [Server.Serve]; nothing to do for the handler
	Rejected []string // what was refused and why, for the log: at most 8 one-line texts without control characters

	PID int // of the sender as the kernel reports it; 0 where the OS does not (all but Linux) or when it is in a foreign PID namespace
	UID int // of the sender, likewise; -1 where not known
}

// Parse reads one datagram: KEY=value lines as in sd_notify(3). Of a key given twice the last counts. Unknown keys, and those for the
// file descriptor store, are ignored; MAINPID= and values that make no sense are reported in Rejected. More than 4096 bytes, or a
// NUL before the last byte, is ErrMalformed. PID and UID are 0 and -1: they are not in the datagram.
func Parse(datagram []byte) (Message, error) { return parse(datagram, sender{uid: -1}) }

// sender is who the kernel says has sent a datagram; 0 and -1 where it does not say.
type sender struct{ pid, uid int }

func parse(datagram []byte, from sender) (Message, error) {
	m := Message{PID: from.pid, UID: from.uid}
	if len(datagram) > maxDatagram {
		return m, errTooLong
	}
	datagram = bytes.TrimSuffix(datagram, []byte{0}) // a C program that sends strlen+1; systemd allows it too
	if bytes.IndexByte(datagram, 0) >= 0 {
		return m, errNUL
	}
	for line := range strings.SplitSeq(string(datagram), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			m.set(key, value)
		}
	}
	return m, nil
}

func (m *Message) set(key, value string) {
	switch key {
	case "READY":
		m.Ready = value == "1"
	case "RELOADING":
		m.Reloading = value == "1"
	case "STOPPING":
		m.Stopping = value == "1"
	case "BARRIER":
		m.Barrier = value == "1"
	case "WATCHDOG":
		m.Watchdog, m.WatchdogTrigger = value == "1", value == "trigger"
	case "STATUS":
		s := cleanLine(value, maxStatus)
		m.Status = &s
	case "ERRNO":
		m.setErrno(value)
	case "WATCHDOG_USEC":
		m.setUsec(&m.NewWatchdog, key, value)
	case "EXTEND_TIMEOUT_USEC":
		m.setUsec(&m.ExtendTimeout, key, value)
	case "MONOTONIC_USEC":
		m.setUsec(&m.Monotonic, key, value)
	case "MAINPID": // the daemon started the workload and knows its PID; many programs state their own, which asks for nothing
		if m.PID == 0 || value != strconv.Itoa(m.PID) {
			m.reject("the main process cannot be changed: MAINPID=" + value)
		}
	}
}

func (m *Message) setErrno(value string) {
	n, err := strconv.ParseUint(value, 10, 16)
	if err != nil || n > maxErrno {
		m.reject("not an error number: ERRNO=" + value)
		return
	}
	m.Errno = int(n)
}

func (m *Message) setUsec(to **time.Duration, key, value string) {
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		m.reject("not a number of microseconds: " + key + "=" + value)
		return
	}
	d := time.Duration(math.MaxInt64)
	if n <= math.MaxInt64/uint64(time.Microsecond) {
		d = time.Duration(n) * time.Microsecond
	}
	*to = &d
}

func (m *Message) reject(why string) {
	if len(m.Rejected) < maxRejected {
		m.Rejected = append(m.Rejected, cleanLine(why, maxQuoted+len("not a number of microseconds: ")))
	}
}

// add merges what came after m into m, as if both had been one datagram, except that of READY=1 and RELOADING=1 only the later one
// stays, and that what happened once (STOPPING=1, a watchdog ping, an error number) is not taken back.
func (m *Message) add(n Message) {
	if n.Ready || n.Reloading {
		m.Ready, m.Reloading = n.Ready, n.Reloading
	}
	m.Stopping = m.Stopping || n.Stopping
	m.Watchdog = m.Watchdog || n.Watchdog
	m.WatchdogTrigger = m.WatchdogTrigger || n.WatchdogTrigger
	m.Barrier = m.Barrier || n.Barrier
	later(&m.Status, n.Status)
	later(&m.NewWatchdog, n.NewWatchdog)
	later(&m.ExtendTimeout, n.ExtendTimeout)
	later(&m.Monotonic, n.Monotonic)
	if n.Errno != 0 {
		m.Errno = n.Errno
	}
	room := min(maxRejected-len(m.Rejected), len(n.Rejected))
	m.Rejected = append(m.Rejected, n.Rejected[:room]...)
	m.PID, m.UID = n.PID, n.UID
}

func later[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// cleanLine makes s fit for a terminal, a log line and JSON: valid UTF-8, printable characters and single spaces only (control
// characters, line separators and the marks that reverse text become spaces), no space at either end, at most limit bytes.
func cleanLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return strings.TrimRight(s[:limit], " ")
}
