// Package logging makes the lifecycle logger: logrus, as text or JSON, into the daemon's log. It is the only place that makes a logrus logger.
package logging

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/joshuaaferguson/apexd/service"
)

// LineWriter takes one whole line, without its newline, and puts it on a line of its own (logfile.Writer).
type LineWriter interface{ WriteLine(line []byte) error }

// EntryWriter is a LineWriter whose store keeps more of a line than its text (journal.Writer). severity is syslog's: 3 error, 4 warning, 6 info, 7 debug; message
// is for people, line what a file would hold.
type EntryWriter interface {
	WriteEntry(severity int, message string, line []byte) error
}

// Logger writes lifecycle lines. It is safe for concurrent use.
type Logger struct {
	l       *logrus.Logger
	entries EntryWriter // nil: lines
}

// New returns a logger of p's level and format over w.
func New(w LineWriter, p service.LogPolicy) *Logger {
	l := logrus.New()
	l.SetOutput(lines{w})
	if level, err := logrus.ParseLevel(p.Level); err == nil { // the configuration has checked it
		l.SetLevel(level)
	}
	const layout = "2006-01-02T15:04:05.000Z07:00"
	if p.Format == "json" {
		l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: layout})
	} else {
		l.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true, TimestampFormat: layout})
	}
	entries, _ := w.(EntryWriter)
	return &Logger{l, entries}
}

// Info, Warn and Error write one line each; kv are alternating keys and values. Empty and nil values are left out.
func (l *Logger) Info(msg string, kv ...any) { l.log(logrus.InfoLevel, msg, kv) }

// Warn writes a line of level warning.
func (l *Logger) Warn(msg string, kv ...any) { l.log(logrus.WarnLevel, msg, kv) }

// Error writes a line of level error.
func (l *Logger) Error(msg string, kv ...any) { l.log(logrus.ErrorLevel, msg, kv) }

func (l *Logger) log(level logrus.Level, msg string, kv []any) {
	if !l.l.IsLevelEnabled(level) {
		return
	}
	f := make(logrus.Fields, len(kv)/2)
	for i := 0; i+1 < len(kv); i += 2 {
		switch v := kv[i+1].(type) {
		case nil:
		case string:
			if v != "" {
				f[fmt.Sprint(kv[i])] = v
			}
		case time.Duration:
			f[fmt.Sprint(kv[i])] = v.String()
		default:
			f[fmt.Sprint(kv[i])] = v
		}
	}
	e := l.l.WithFields(f).WithTime(time.Now().UTC())
	if l.entries == nil {
		e.Log(level, msg)
		return
	}
	e.Level, e.Message = level, msg
	if line, err := e.Bytes(); err == nil { // nobody is left to tell, as with Log
		_ = l.entries.WriteEntry(severity(level), sentence(msg, f), bytes.TrimSuffix(line, []byte("\n")))
	}
}

// severity is syslog's number for a level.
func severity(level logrus.Level) int {
	switch {
	case level <= logrus.ErrorLevel:
		return 3
	case level == logrus.WarnLevel:
		return 4
	case level == logrus.InfoLevel:
		return 6
	}
	return 7
}

// sentence is msg and its fields as journalctl shows them to people: The workload is ready (pid=12 took=3ms).
func sentence(msg string, f logrus.Fields) string {
	if len(f) == 0 {
		return msg
	}
	var b strings.Builder
	b.WriteString(msg)
	sep := " ("
	for _, k := range slices.Sorted(maps.Keys(f)) {
		v := fmt.Sprint(f[k])
		if v == "" || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r == '"' || r == 0x7f }) {
			v = strconv.Quote(v)
		}
		b.WriteString(sep + k + "=" + v)
		sep = " "
	}
	return b.String() + ")"
}

// lines adapts a LineWriter to logrus, which writes one entry, ended by a newline, a call.
type lines struct{ w LineWriter }

var _ io.Writer = lines{}

func (w lines) Write(b []byte) (int, error) {
	if err := w.w.WriteLine(bytes.TrimSuffix(b, []byte("\n"))); err != nil {
		return 0, err
	}
	return len(b), nil
}
