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
	f.Add([]byte(`{"extend":1}{"extend":9223372036854775807} {"pid":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := last(b)
		if a.Error != nil {
			_ = a.Error.Error() // must not panic
		}
		if len(b) == 0 && a.PID != 0 {
			t.Errorf("%+v", a)
		}
	})
}

// last is the answer that is not followed by another.
func last(b []byte) Answer {
	answers, gone := make(chan Answer), make(chan struct{})
	defer close(gone)
	go read(bytes.NewReader(b), answers, gone)
	for {
		if a := <-answers; a.Extend <= 0 {
			return a
		}
	}
}
