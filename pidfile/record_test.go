package pidfile

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestDecode(t *testing.T) {
	at := time.Date(2025, 1, 15, 10, 30, 0, 0, time.UTC)
	tests := []struct {
		name string
		in   string
		want *Record // nil: refused
	}{
		{
			"four fields", `{"pid":12345,"startedAt":"2025-01-15T10:30:00.000Z","version":"0.4.0","projectPath":"/p"}`,
			&Record{PID: 12345, StartedAt: Time{at}, Version: "0.4.0", ProjectPath: "/p"},
		},
		{"two fields", `{"pid":7,"startedAt":"2025-01-15T10:30:00Z"}`, &Record{PID: 7, StartedAt: Time{at}}},
		{"milliseconds", `{"pid":7,"startedAt":1736937000000}`, &Record{PID: 7, StartedAt: Time{at}}},
		{"unknown fields", `{"pid":7,"flavour":"vanilla","identity":{"future":1}}`, &Record{PID: 7}},
		{"unreadable time", `{"pid":7,"startedAt":"yesterday"}`, &Record{PID: 7}},
		{"byte order mark", "\xef\xbb\xbf{\"pid\":7}", &Record{PID: 7}},
		{"bare", " 123\n", &Record{PID: 123, bare: true}},
		{"bare zero", "0", nil},
		{"bare negative", "-1", nil},
		{"bare with words", "123 apexd", nil},
		{"empty", "", nil},
		{"spaces", " \n", nil},
		{"no pid", `{}`, nil},
		{"pid zero", `{"pid":0}`, nil},
		{"pid too large", `{"pid":99999999999}`, nil},
		{"pid is text", `{"pid":"7"}`, nil},
		{"torn", `{"pid":7,"star`, nil},
		{"array", `[7]`, nil},
		{"two objects", `{"pid":7}{"pid":8}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode([]byte(tt.in))
			if (err != nil) != (tt.want == nil) || tt.want != nil && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// TestOriginalContract: a reader that knows only ADR-051's four fields finds them with their names and types.
func TestOriginalContract(t *testing.T) {
	rec := Record{PID: 12345, StartedAt: Time{time.Date(2025, 1, 15, 10, 30, 0, 0, time.UTC)}, Version: "0.4.0", ProjectPath: "/path/to/project", Schema: 1}
	b, err := rec.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"pid": 12345.0, "startedAt": "2025-01-15T10:30:00.000Z", "version": "0.4.0", "projectPath": "/path/to/project"}
	for k, v := range want {
		if m[k] != v {
			t.Errorf("%s is %v, want %v", k, m[k], v)
		}
	}
}

// TestRoundTrip: what is written is read again, every field of it.
func TestRoundTrip(t *testing.T) {
	at := Time{time.Date(2025, 1, 15, 10, 30, 0, 120e6, time.UTC)}
	id := Identity{StartTime: "109189", BootID: "6f0c", PIDNamespace: "4026531836"}
	rec := &Record{
		PID: 12345, StartedAt: at, Version: "0.4.0", ProjectPath: "/p\xe9", Schema: 1, Name: "daemon", Identity: id, Backend: "systemd", Scope: "user",
		Service: "x.service", State: service.StateRestarting, Since: at, Ready: true, Loads: 4, StatusText: "a \"b\"\n\u2028",
		Workload: &Workload{PID: 7, Identity: id, StartedAt: at, Source: "config", Address: "127.0.0.1:1", Restarts: 3, LastExit: &Exit{Code: -1, Signal: "SIGKILL", At: at}},
		Log:      &Log{Kind: "file", Path: "/p\xe9/.apex/daemon.log"}, Ended: true,
	}
	empty := 0
	for _, v := range reflect.ValueOf(*rec).Fields() {
		if v.IsZero() {
			empty++
		}
	}
	if empty != 2 { // bare and owner, which are never written
		t.Fatalf("%d fields of the example are empty: a new one must be added to it", empty)
	}
	b, err := rec.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil || !reflect.DeepEqual(got, rec) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, rec)
	}
}

func TestCorruptErrorIs(t *testing.T) {
	if !errors.Is(&CorruptError{"p", errors.New("x")}, service.ErrPIDFileCorrupted) {
		t.Error("it does not match service.ErrPIDFileCorrupted")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "1", "-1", `{"pid":1}`, `{"pid":1,"startedAt":1e400}`, `{"pid":1,"workload":{"lastExit":null}}`, `{"pid":1,"startedAt":"9999-12-31T23:59:59-23:00"}`, "{", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		if r.PID <= 0 || r.PID > maxPID {
			t.Fatalf("PID %d was let through", r.PID)
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := Decode(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		for _, f := range []Finding{{Record: r, Running: true, PID: r.PID}, {Record: r, State: service.StateFailed}} {
			if _, err := json.Marshal(f.Status(Ref{}, "daemon")); err != nil {
				t.Fatalf("a status of it cannot be printed: %v", err)
			}
		}
	})
}

// TestEndedRecord: one that could not be removed is none, and says so to whoever writes it and reads it again.
func TestEndedRecord(t *testing.T) {
	r := newRef(t)
	if err := os.Mkdir(filepath.Dir(r.Path), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, ended := range []bool{false, true} {
		b, err := (&Record{PID: 1 << 30, Schema: Schema, ProjectPath: r.Project, State: service.StateRunning, Ended: ended, Identity: Identity{StartTime: "1"}}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.Path, append(b, "    "...), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(r.Path); errors.Is(err, fs.ErrNotExist) != ended {
			t.Errorf("ended %v: %v", ended, err)
		}
		want := service.StateFailed
		if ended {
			want = service.StateStopped
		}
		if f := r.Look(); f.State != want || f.Err != nil {
			t.Errorf("ended %v: %+v", ended, f)
		}
	}
}
