package sockets

import (
	"reflect"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

func TestParse(t *testing.T) {
	const pid = 42
	for _, c := range []struct {
		name, env string
		want      []string
		bad       string
	}{
		{"nothing", "", nil, ""},
		{"for another process", "LISTEN_PID=43 LISTEN_FDS=2", nil, ""},
		{"no PID", "LISTEN_FDS=2", nil, ""},
		{"named", "LISTEN_PID=42 LISTEN_FDS=2 LISTEN_FDNAMES=http:control", []string{"http", "control"}, ""},
		{"one name for two", "LISTEN_PID=42 LISTEN_FDS=2 LISTEN_FDNAMES=http:http", []string{"http", "http"}, ""},
		{"without names", "LISTEN_PID=42 LISTEN_FDS=2", []string{"unknown", "unknown"}, ""},
		{"none", "LISTEN_PID=42 LISTEN_FDS=0", nil, ""},
		{"too few names", "LISTEN_PID=42 LISTEN_FDS=2 LISTEN_FDNAMES=http", nil, "1 names for 2 descriptors"},
		{"too many names", "LISTEN_PID=42 LISTEN_FDS=1 LISTEN_FDNAMES=a:b", nil, "2 names for 1"},
		{"no number", "LISTEN_PID=42 LISTEN_FDS=x", nil, `LISTEN_FDS is "x"`},
		{"no number at all", "LISTEN_PID=42", nil, `LISTEN_FDS is ""`},
		{"negative", "LISTEN_PID=42 LISTEN_FDS=-1", nil, "no number of descriptors"},
		{"far too many", "LISTEN_PID=42 LISTEN_FDS=1000000000", nil, "no number of descriptors"},
	} {
		got, err := parse(lookupIn(c.env), pid)
		if c.bad != "" {
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%s: %v, want %q", c.name, err, c.bad)
			}
			continue
		}
		if err != nil || len(got.names)+len(c.want) > 0 && !reflect.DeepEqual(got.names, c.want) {
			t.Errorf("%s: %q, %v, want %q", c.name, got.names, err, c.want)
		}
	}
}

func lookupIn(env string) func(string) string {
	return func(name string) string {
		for _, kv := range strings.Fields(env) {
			if k, v, _ := strings.Cut(kv, "="); k == name {
				return v
			}
		}
		return ""
	}
}

func FuzzParse(f *testing.F) {
	f.Add("42", "2", "a:b")
	f.Add("42", "-1", ":::")
	f.Fuzz(func(t *testing.T, pid, n, names string) {
		env := map[string]string{"LISTEN_PID": pid, "LISTEN_FDS": n, "LISTEN_FDNAMES": names}
		g, err := parse(func(k string) string { return env[k] }, 42)
		if len(g.names) > maxGiven || err != nil && len(g.names) > 0 || pid != "42" && len(g.names) > 0 {
			t.Errorf("%q, %v of %v", g.names, err, env)
		}
	})
}

func TestWithoutListen(t *testing.T) {
	in := []string{"A=1", "LISTEN_PID=1", "LISTEN_FDS=2", "LISTEN_ADDR=x", "LISTEN_FDNAMES=", "LISTEN_PIDFDID=3"}
	if got := withoutListen(in); !reflect.DeepEqual(got, []string{"A=1", "LISTEN_ADDR=x"}) || in[1] != "LISTEN_PID=1" {
		t.Errorf("%q of %q", got, in)
	}
}

func TestUnitLines(t *testing.T) {
	for _, c := range []struct {
		name   string
		socket service.Socket
		want   string
	}{
		{"TCP", service.Socket{Name: "http", Kind: service.SocketStream, Address: "127.0.0.1:8080"}, "ListenStream=127.0.0.1:8080 FileDescriptorName=http"},
		{"TCP, IPv6", service.Socket{Name: "http", Kind: service.SocketStream, Address: "[::]:80", Backlog: 9}, "ListenStream=[::]:80 FileDescriptorName=http Backlog=9"},
		{"UDP", service.Socket{Name: "dns", Kind: service.SocketDatagram, Address: "0.0.0.0:53"}, "ListenDatagram=0.0.0.0:53 FileDescriptorName=dns"},
		{
			"Unix",
			service.Socket{Name: "c", Kind: service.SocketStream, Address: "unix:/run/100%/$a/é.sock", Mode: 0o660},
			"ListenStream=/run/100%%/$a/é.sock FileDescriptorName=c SocketMode=0660 RemoveOnStop=yes",
		},
		{
			"Unix, datagram",
			service.Socket{Name: "c", Kind: service.SocketDatagram, Address: "unix:/c", Mode: service.DefaultSocketMode},
			"ListenDatagram=/c FileDescriptorName=c SocketMode=0600 RemoveOnStop=yes",
		},
	} {
		if got := strings.Join(UnitLines(c.socket), " "); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
}
