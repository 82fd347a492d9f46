package fswatch

import (
	"encoding/binary"
	"slices"
	"testing"
)

// encode writes a struct inotify_event with its name padded to a multiple of 16, as the kernel does.
func (e event) encode() []byte {
	n := 0
	if e.name != "" {
		n = (len(e.name)/16 + 1) * 16
	}
	b := make([]byte, eventHead+n)
	binary.NativeEndian.PutUint32(b, 1)
	binary.NativeEndian.PutUint32(b[4:], e.mask)
	binary.NativeEndian.PutUint32(b[12:], uint32(n))
	copy(b[eventHead:], e.name)
	return b
}

func TestParseEvents(t *testing.T) {
	self, file, long := event{mask: 0x400}, event{mask: 0x200, name: "daemon.pid"}, event{mask: 0x40, name: "a name of sixteen"}
	rows := []struct {
		name string
		in   []byte
		want []event
		bad  bool
	}{
		{"none", nil, nil, false},
		{"one", file.encode(), []event{file}, false},
		{"about the directory", self.encode(), []event{self}, false},
		{"several", slices.Concat(file.encode(), long.encode(), self.encode()), []event{file, long, self}, false},
		{"head cut short", self.encode()[:15], nil, true},
		{"name cut short", file.encode()[:30], nil, true},
		{"the second cut short", append(file.encode(), 1, 2), []event{file}, true},
		{"length of 4 GiB", append(make([]byte, 12), 0xff, 0xff, 0xff, 0xff), nil, true},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			var got []event
			err := parseEvents(r.in, func(e event) { got = append(got, e) })
			if !slices.Equal(got, r.want) || (err != nil) != r.bad {
				t.Errorf("got %+v, %v; want %+v", got, err, r.want)
			}
		})
	}
}

func TestEventConcerns(t *testing.T) {
	names := []string{"daemon.pid", "daemon.pid.lock"}
	for name, want := range map[string]bool{"": true, "daemon.pid": true, "daemon.pid.lock": true, "daemon.log": false, "daemon.pi": false} {
		if got := (event{name: name}).concerns(names); got != want {
			t.Errorf("concerns(%q) = %v", name, got)
		}
	}
	if !(event{}).concerns(nil) || (event{name: "x"}).concerns(nil) {
		t.Error("without names only the directory concerns")
	}
}

func FuzzParseEvents(f *testing.F) {
	f.Add(event{mask: 1, name: "a"}.encode())
	f.Add(slices.Concat(event{mask: 0x4000}.encode(), event{mask: 2, name: "daemon.log"}.encode()))
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := parseEvents(b, func(event) { n++ })
		if n*eventHead > len(b) || err == nil && (n == 0) != (len(b) == 0) {
			t.Errorf("%d events in %d bytes, %v", n, len(b), err)
		}
	})
}
