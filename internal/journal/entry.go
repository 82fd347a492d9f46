package journal

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/joshuaaferguson/apexd/internal/logfile"
)

const (
	// maxPart is the longest text of one entry: what journald takes from a line of a program's standard output (journald.conf(5), LineMax=).
	maxPart = 48 << 10

	fieldMessage = "MESSAGE"
	fieldProject = "APEX_PROJECT"
	fieldDaemon  = "APEX_DAEMON"
	fieldLine    = "APEX_LINE"
	fieldPart    = "APEX_PART"
	partMore     = "more"
)

// appendField adds a field in the form of systemd.io/JOURNAL_NATIVE_PROTOCOL: NAME=value, or with its length where the value has a newline.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	if bytes.IndexByte(value, '\n') < 0 {
		b = append(b, '=')
	} else {
		b = append(b, '\n')
		b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	}
	return append(append(b, value...), '\n')
}

func appendPriority(b []byte, p journal.Priority) []byte {
	b = append(b, "PRIORITY="...)
	return append(b, '0'+byte(p), '\n')
}

// priorities gives each line of one output its priority. A line that says none, as in a stack trace, has that of the line before.
type priorities struct{ last journal.Priority }

// of returns line's priority and the text for MESSAGE: without the <N> of sd-daemon(3), which is the priority.
func (p *priorities) of(line []byte) (journal.Priority, []byte) {
	if len(line) >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>' {
		p.last = journal.Priority(line[1] - '0')
		return p.last, line[3:]
	}
	if n, ok := logfile.Severity(line); ok {
		p.last = journal.Priority(n)
	}
	return p.last, line
}

// outputHead is the fields that all entries of one output share.
func outputHead(common []byte, pid int) []byte {
	b := append([]byte(nil), common...)
	b = append(b, "APEX_STREAM=output\n"...)
	if pid > 0 {
		b = append(b, "APEX_WORKLOAD_PID="...)
		b = strconv.AppendInt(b, int64(pid), 10)
		b = append(b, '\n')
	}
	return b
}
