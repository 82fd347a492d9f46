package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// Read returns the last n events of path, all for n < 0, oldest first, and how many lines among them were skipped because they are torn or
// not ours. A missing file has no events. It looks at the last MiB only (the file is kept below 256 KiB) and changes nothing on disk.
// The texts are as somebody wrote them: quote them before they reach a terminal. Errors: *fs.PathError, as of safefile.Open.
func Read(path string, n int) (events []Event, skipped int, err error) {
	lines, err := end(path, fullSize)
	if err != nil {
		return nil, 0, err
	}
	events, skipped = parse(lines, n)
	return events, skipped, nil
}

// Last returns the newest event of path that is the one, if there is one in the last 16 KiB. What cannot be read has none.
func Last(path string, one func(Event) bool) (Event, bool) {
	lines, _ := end(path, lastSize)
	for line := range backward(lines) {
		if e, ok := decode(line); ok && one(e) {
			return e, true
		}
	}
	return Event{}, false
}

const lastSize = 16 << 10 // bytes

// end returns the whole lines in the last size bytes of path; none of a missing file.
func end(path string, size int64) ([]byte, error) {
	f, err := safefile.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	lines, _, err := tail(f, fi.Size(), size)
	return lines, err
}

// parse reads lines from the last one backwards until it has n events, and returns them oldest first.
func parse(lines []byte, n int) (events []Event, skipped int) {
	for line := range backward(lines) {
		if len(events) == n {
			break
		}
		if e, ok := decode(line); ok {
			events = append(events, e)
		} else {
			skipped++
		}
	}
	slices.Reverse(events)
	return events, skipped
}

// backward yields lines without those that are empty, the last one first.
func backward(lines []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(lines) > 0 {
			lines = bytes.TrimSuffix(lines, []byte{'\n'})
			begin := bytes.LastIndexByte(lines, '\n') + 1
			line := lines[begin:]
			lines = lines[:begin]
			if len(bytes.TrimSpace(line)) > 0 && !yield(line) {
				return
			}
		}
	}
}

// decode reads one line. A line of ours has an object with a time and an event, and is not longer than we write.
func decode(line []byte) (e Event, ok bool) {
	if len(line) >= maxLine {
		return Event{}, false
	}
	err := json.Unmarshal(line, &e)
	return e, err == nil && e.Event != "" && !e.At.IsZero()
}
