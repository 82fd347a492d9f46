package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// maxValue bounds what is kept of one field. Our entries hold maxPart and an escape or two; others' are cut.
const maxValue = 1 << 20

// read is one entry as Show needs it. The slices are valid until the next one.
type read struct {
	cursor  []byte
	message []byte
	line    []byte // APEX_LINE
	hasLine bool
	more    bool // the line goes on in the next entry
}

// text is what a log file would hold.
func (e *read) text() []byte {
	if e.hasLine {
		return e.line
	}
	return e.message
}

// parser reads the Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS): fields NAME=value\n, or NAME\n, eight bytes of little-endian length, value, \n; an
// empty line ends the entry. Unlike journalctl's JSON it has every byte as it was.
type parser struct {
	r    *bufio.Reader
	name []byte
	val  []byte
}

func newParser(r io.Reader) *parser { return &parser{r: bufio.NewReaderSize(r, 64<<10)} }

// next fills e. It returns io.EOF at the end, also within an entry: a journalctl that is ended stops anywhere.
func (p *parser) next(e *read) error {
	*e = read{cursor: e.cursor[:0], message: e.message[:0], line: e.line[:0]}
	for fields := 0; ; {
		end, err := p.field()
		if err != nil {
			return err
		}
		switch {
		case !end && len(p.name) > 0:
			e.set(p.name, p.val)
			fields++
		case end && fields > 0:
			return nil
		}
	}
}

func (e *read) set(name, val []byte) {
	switch string(name) {
	case "__CURSOR":
		e.cursor = append(e.cursor[:0], val...)
	case fieldMessage:
		e.message = append(e.message[:0], val...)
	case fieldLine:
		e.line, e.hasLine = append(e.line[:0], val...), true
	case fieldPart:
		e.more = string(val) == partMore
	}
}

// field reads one field, or reports the end of the entry.
func (p *parser) field() (end bool, err error) {
	p.val, err = p.until(p.val[:0])
	if err != nil {
		return false, err
	}
	if len(p.val) == 0 {
		return true, nil
	}
	if i := bytes.IndexByte(p.val, '='); i >= 0 {
		p.name, p.val = append(p.name[:0], p.val[:i]...), p.val[i+1:]
		return false, nil
	}
	if p.name = append(p.name[:0], p.val...); !isName(p.name) {
		p.name, p.val = p.name[:0], p.val[:0] // "-- Boot … --", "-- No entries --": journalctl's remarks, in every form of output
		return false, nil
	}
	p.val, err = p.sized(p.val[:0])
	return false, err
}

func isName(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

// until appends to b what comes before the next newline, maxValue of it at most.
func (p *parser) until(b []byte) ([]byte, error) {
	for {
		s, err := p.r.ReadSlice('\n')
		if err == nil {
			s = s[:len(s)-1]
		}
		b = append(b, s[:min(len(s), maxValue-len(b))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return b, err
		}
	}
}

var errFormat = errors.New("journalctl wrote something that is not its export format")

// sized appends a value with its length before it.
func (p *parser) sized(b []byte) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return b, ended(err)
	}
	size := binary.LittleEndian.Uint64(head[:])
	n := min(size, maxValue)
	b = append(b, make([]byte, n)...)
	if _, err := io.ReadFull(p.r, b[len(b)-int(n):]); err != nil {
		return b, ended(err)
	}
	if size-n > 1<<40 {
		return b, errFormat
	}
	if _, err := io.CopyN(io.Discard, p.r, int64(size-n)); err != nil {
		return b, ended(err)
	}
	c, err := p.r.ReadByte()
	if err == nil && c != '\n' {
		err = errFormat
	}
	return b, ended(err)
}

// ended is io.EOF for an end within something.
func ended(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}
