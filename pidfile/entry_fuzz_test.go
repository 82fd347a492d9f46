package pidfile

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzEntry: the index that `apexd list` reads lies in a directory of the user's, where anything may be put.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"pidFile":"/p/.apex/daemon.pid","project":"/p","name":"daemon","pid":7,"identity":{"startTime":"1","bootId":"b"}}`))
	f.Add([]byte(`{"pid":-1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		state := t.TempDir()
		dir := filepath.Join(state, "daemons")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := Entries(state)
		if len(entries) > 1 || err != nil && len(entries) > 0 || len(entries) == 1 && entries[0].PIDFile == "" {
			t.Errorf("%q is %+v, %v", b, entries, err)
		}
	})
}
