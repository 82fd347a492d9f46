package pidfile

import (
	"encoding/base64"
	"math"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// object is a decoded JSON object. A field that is missing or of another type reads as the zero value: readers ignore what they do not
// know. Decoding into Record itself would cost every `apexd status` 0.15 ms for reflection (bench/README.md).
type object map[string]any

func (o object) str(name string) string {
	s, _ := o[name].(string)
	return s
}

// bytes are what stands as base64, as encoding/json writes them.
func (o object) bytes(name string) []byte {
	b, _ := base64.StdEncoding.DecodeString(o.str(name)) // what is no base64 is ignored
	return b
}

// strs are the strings of a list.
func (o object) strs(name string) []string {
	list, _ := o[name].([]any)
	var all []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// int is 0 for what is no whole number.
func (o object) int(name string) int {
	f, _ := o[name].(float64)
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0
	}
	return int(f)
}

func (o object) bool(name string) bool {
	b, _ := o[name].(bool)
	return b
}

// object is nil, of which every field reads as zero, for what is no object.
func (o object) object(name string) object {
	m, _ := o[name].(map[string]any)
	return m
}

// time reads RFC 3339 and, since JavaScript writes Date.now() too, a number of milliseconds since 1970. A year that JSON cannot have (RFC 3339, 5.6) is no time.
func (o object) time(name string) Time {
	var t time.Time
	if _, ok := o[name].(float64); ok {
		t = time.UnixMilli(int64(o.int(name))).UTC()
	} else {
		t, _ = time.Parse(time.RFC3339Nano, o.str(name))
	}
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return Time{}
	}
	return Time{t}
}

func (o object) times(name string) []Time {
	list, _ := o[name].([]any)
	var all []Time
	for _, v := range list {
		if t := (object{"": v}).time(""); !t.IsZero() {
			all = append(all, t)
		}
	}
	return all
}

func (o object) identity(name string) Identity {
	i := o.object(name)
	return Identity{StartTime: i.str("startTime"), BootID: i.str("bootId"), PIDNamespace: i.str("pidNamespace")}
}

func (o object) record(pid int) *Record {
	r := &Record{
		PID: pid, StartedAt: o.time("startedAt"), Version: o.str("version"), ProjectPath: said(o.str("projectPath"), o.bytes("projectPathBytes")),
		Schema: o.int("schema"), Name: o.str("name"), Identity: o.identity("identity"),
		Backend: o.str("backend"), Scope: o.str("scope"), Service: o.str("service"),
		State: service.State(o.str("state")), Since: o.time("since"), Ready: o.bool("ready"), Loads: o.int("loads"), StatusText: o.str("statusText"), Ended: o.bool("ended"),
	}
	if w := o.object("workload"); w != nil {
		r.Workload = &Workload{
			PID: w.int("pid"), Identity: w.identity("identity"), StartedAt: w.time("startedAt"), Source: w.str("source"),
			Address: w.str("address"), Listen: w.strs("listen"), Restarts: w.int("restarts"), Tries: w.times("tries"),
		}
		if e := w.object("lastExit"); e != nil {
			r.Workload.LastExit = &Exit{Code: e.int("code"), Signal: e.str("signal"), At: e.time("at")}
		}
	}
	if l := o.object("log"); l != nil {
		r.Log = &Log{Kind: l.str("kind"), Path: said(l.str("path"), o.bytes("logPathBytes"))}
	}
	return r
}
