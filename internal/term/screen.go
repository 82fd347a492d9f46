package term

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
)

// ErrNoTerminal says that a screen cannot be drawn: standard input or output is no terminal, or one that cannot move its cursor.
var ErrNoTerminal = errors.New("standard input and output are not a terminal")

// Event is what happens at the terminal.
type Event struct {
	Kind EventKind
	Key  rune // of KeyPressed
}

// EventKind says what has happened.
type EventKind int

// The kinds of event. Quit is a request to end: Ctrl-C, Ctrl-\, SIGTERM, or the terminal is gone. Resized comes also after the program was stopped (Ctrl-Z) and
// continued: everything is to be drawn anew.
const (
	KeyPressed EventKind = iota
	Resized
	Quit
)

// Screen is the whole of a terminal, drawn in place on the alternate screen, with keys that come at once and are not echoed. Close gives the terminal back as it was; it is given
// back, too, while the program is stopped by Ctrl-Z. A program that is killed by SIGKILL cannot do that. Draw and Close may be called concurrently.
type Screen struct {
	out     *os.File
	console console
	events  chan Event
	stop    chan struct{}
	wg      sync.WaitGroup

	mu     sync.Mutex
	lines  []string // that are shown, nil where nothing is known of what is
	lent   bool     // the terminal was given back for a while
	closed bool
}

// ECMA-48 and xterm's private modes: the alternate screen, no wrapping at the right edge, no cursor.
const (
	enter = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[H\x1b[2J"
	leave = "\x1b[?25h\x1b[?7h\x1b[?1049l"
)

// Open takes the terminal that in and out are. Errors: ErrNoTerminal, or what the system said. The caller closes the screen, whatever happens.
func Open(in, out *os.File, getenv func(string) string) (*Screen, error) {
	if !IsTerminal(in) || !IsTerminal(out) || Dumb(getenv) {
		return nil, ErrNoTerminal
	}
	s := &Screen{out: out, events: make(chan Event, 8), stop: make(chan struct{})}
	if err := s.console.open(in, out); err != nil {
		return nil, err
	}
	if _, err := out.WriteString(enter); err != nil {
		return nil, errors.Join(err, s.console.restore())
	}
	s.wg.Go(s.signals)
	s.wg.Go(func() { s.console.keys(s.send) })
	return s, nil
}

// Events are what happens. The channel is never closed.
func (s *Screen) Events() <-chan Event { return s.events }

// send reports an event, and whether more are wanted.
func (s *Screen) send(e Event) bool {
	if e.Kind == Resized {
		s.mu.Lock()
		s.lines = nil
		s.mu.Unlock()
	}
	select {
	case s.events <- e:
		return true
	case <-s.stop:
		return false
	}
}

// Size is the size of the screen, in cells.
func (s *Screen) Size() (width, height int) { return Size(s.out) }

// Draw shows lines, of which none may have control characters but those of Style, from the top; those that the screen has no room for are left out. Only what has changed is
// written, in one write, so that nothing flickers. An error means that the terminal is gone.
func (s *Screen) Draw(lines []string) error {
	if _, height := s.Size(); height > 0 && len(lines) > height {
		lines = lines[:height]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.lent {
		return nil
	}
	text := change(s.lines, lines)
	s.lines = lines
	if text == "" {
		return nil
	}
	_, err := s.out.WriteString(text)
	return err
}

// change is what makes a screen that shows old show lines. A nil old is a screen of which nothing is known.
func change(old, lines []string) string {
	var b strings.Builder
	if old == nil {
		b.WriteString("\x1b[2J")
	}
	for i, line := range lines {
		if i >= len(old) || old[i] != line {
			b.WriteString("\x1b[" + strconv.Itoa(i+1) + ";1H" + line + "\x1b[K")
		}
	}
	if len(old) > len(lines) {
		b.WriteString("\x1b[" + strconv.Itoa(len(lines)+1) + ";1H\x1b[J")
	}
	return b.String()
}

// Close gives the terminal back. A second Close does nothing.
func (s *Screen) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var err error
	if !s.lent {
		err = s.release()
	}
	s.mu.Unlock()
	close(s.stop)
	s.console.wake()
	s.wg.Wait()
	return errors.Join(err, s.console.close())
}

// release gives the terminal back; the caller holds mu.
func (s *Screen) release() error {
	_, err := s.out.WriteString(leave)
	return errors.Join(err, s.console.restore())
}
