package backends

import (
	"bytes"
	"testing"
)

// FuzzAnswer: what a started process writes to its starter may be anything, since a program called apexd need not be one.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"pid":7,"address":"127.0.0.1:1"}`))
	f.Add([]byte(`{"error":{"code":"START_FAILED","message":"x","exit":{"code":1}}}`))
	f.Add([]byte(`{"pid":-1}{`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := read(bytes.NewReader(b))
		if a.Error != nil {
			_ = a.Error.Error() // must not panic
		}
		if len(b) == 0 && a.PID != 0 {
			t.Errorf("%+v", a)
		}
	})
}
