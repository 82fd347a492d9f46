package fswatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

// event is a struct inotify_event (inotify(7)).
type event struct {
	mask uint32
	name string // "" where the event is about the directory itself
}

// eventHead is the size of struct inotify_event without the name: wd, mask, cookie, len.
const eventHead = 16

var errEvent = errors.New("unexpected struct inotify_event")

// parseEvents calls fn with each event that one read(2) of an inotify descriptor returned.
func parseEvents(b []byte, fn func(event)) error {
	for len(b) > 0 {
		if len(b) < eventHead {
			return errEvent
		}
		mask, n := binary.NativeEndian.Uint32(b[4:]), uint64(binary.NativeEndian.Uint32(b[12:]))
		if n > uint64(len(b)-eventHead) {
			return errEvent
		}
		name, _, _ := bytes.Cut(b[eventHead:eventHead+n], []byte{0}) // padded with NULs
		fn(event{mask: mask, name: string(name)})
		b = b[eventHead+n:]
	}
	return nil
}

// concerns reports whether e is about one of names or about the directory itself: removed, moved, unmounted, or events were lost.
func (e event) concerns(names []string) bool {
	return e.name == "" || slices.Contains(names, e.name)
}
