package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// socketDocuments are the documents about sockets, which are good on Unix only.
var socketDocuments = []documentCase{
	{name: "sockets", text: `daemon: {sockets: {http: "127.0.0.1:8080", v6: "[::1]:80", any: "0.0.0.0:80", name: "localhost:81", port: 82, free: 0, a.b_c-9: "unix:.apex/a b.sock"}}`},
	{name: "sockets in the long form", text: `daemon: {sockets: {a: {address: "unix:/run/a.sock", mode: 0660, backlog: 128, type: stream}, b: {address: 80, type: datagram}}}`},
	{name: "sockets null", text: "daemon: {sockets: }"},
	{name: "sockets empty", text: "daemon: {sockets: {}}"},
	{name: "sockets merged", text: "x: &x {http: 80}\ndaemon: {sockets: {<<: *x, other: 81}}"},
	{name: "sockets a list", text: "daemon: {sockets: [80]}", bad: "daemon.sockets: it is a list", fix: "{http:"},
	{name: "sockets a port", text: "daemon: {sockets: 80}", bad: "daemon.sockets: it is a single value", fix: "{http:"},
	{name: "sockets, misspelt", text: "daemon: {socket: {}}", bad: "no such key", fix: "did you mean sockets?"},
	{name: "sockets, systemd's word", text: "daemon: {listenStream: 80}", bad: "no such key", fix: "did you mean sockets?"},
	{name: "socket null", text: "daemon: {sockets: {http: }}", bad: "daemon.sockets.http: it has no value", fix: "127.0.0.1:8080"},
	{name: "socket a list", text: "daemon: {sockets: {http: [80]}}", bad: "daemon.sockets.http: it is a list", fix: "127.0.0.1:8080"},
	{name: "socket without an address", text: "daemon: {sockets: {http: {mode: 0600}}}", bad: "daemon.sockets.http: it has no address", fix: "{address:"},
	{name: "socket with an unknown key", text: "daemon: {sockets: {http: {address: 80, modus: 0600}}}", bad: "1:40: daemon.sockets.http.modus: there is no such key", fix: "did you mean mode?"},
	{name: "socket with a key without a like", text: "daemon: {sockets: {http: {address: 80, zzzzzz: 1}}}", bad: "there is no such key", fix: "address, type, mode, backlog"},
	{name: "socket name with a colon", text: "daemon: {sockets: {'a:b': 80}}", bad: `"a:b" cannot name a socket`, fix: "letters"},
	{name: "socket name empty", text: "daemon: {sockets: {'': 80}}", bad: "cannot name a socket"},
	{name: "socket name long", text: "daemon: {sockets: {" + strings.Repeat("a", 65) + ": 80}}", bad: "cannot name a socket"},
	{name: "socket name twice", text: "daemon: {sockets: {a: 80, a: 81}}", bad: "daemon.sockets.a: it is there twice", blind: true},

	{name: "address with a name", text: "daemon: {sockets: {a: 'example.org:80'}}", bad: "names are not looked up", fix: "127.0.0.1:8080"},
	{name: "address without a host", text: "daemon: {sockets: {a: ':80'}}", bad: "does not say which interface", fix: "0.0.0.0:80"},
	{name: "address with a star", text: "daemon: {sockets: {a: '*:80'}}", bad: "does not say which interface", fix: "127.0.0.1:80"},
	{name: "address without a port", text: "daemon: {sockets: {a: 127.0.0.1}}", bad: "is not an address"},
	{name: "address with a zone", text: "daemon: {sockets: {a: '[fe80::1%eth0]:80'}}", bad: "has a zone"},
	{name: "address with a great port", text: "daemon: {sockets: {a: 65536}}", bad: "is not an address"},
	{name: "address with a great port, as text", text: "daemon: {sockets: {a: '1.2.3.4:65536'}}", bad: "is not an address", blind: true},
	{name: "address true", text: "daemon: {sockets: {a: true}}", bad: "is not text"},
	{name: "address in a bad form", text: "daemon: {sockets: {a: '::1:80'}}", bad: "is not an address"},
	{name: "address empty", text: "daemon: {sockets: {a: ''}}", bad: "is not an address"},
	{name: "unix without a path", text: "daemon: {sockets: {a: 'unix:'}}", bad: "it has no path", fix: ".apex/web.sock"},
	{name: "unix abstract", text: "daemon: {sockets: {a: 'unix:@x'}}", bad: "no owner and no mode", fix: ".apex/web.sock"},
	{name: "unix with ~", text: "daemon: {sockets: {a: 'unix:~/x'}}", bad: "not expanded", fix: "whole path"},
	{name: "unix with a newline", text: `daemon: {sockets: {a: "unix:a\nb"}}`, bad: "control character"},
	{name: "unix that ends in a backslash", text: `daemon: {sockets: {a: 'unix:a\'}}`, bad: "space or backslash"},
	{name: "unix that begins with a space", text: `daemon: {sockets: {a: 'unix: a'}}`, bad: "space or backslash"},
	{name: "unix with NUL", text: `daemon: {sockets: {a: "unix:a\0"}}`, bad: "NUL"},
	{name: "unix too long", text: "daemon: {sockets: {a: 'unix:/" + strings.Repeat("a", 103) + "'}}", bad: "104 bytes, more than the 103", fix: "shorter", blind: true},
	{name: "unix as the record", text: "daemon: {pidFile: x, sockets: {a: 'unix:x'}}", bad: "has the same path", fix: "another", blind: true},
	{name: "unix as the log", text: "daemon: {logFile: x, sockets: {a: 'unix:./x'}}", bad: "has the same path", blind: true},

	{name: "modes", text: "daemon: {sockets: {a: {address: 'unix:a', mode: '0666'}, b: {address: 'unix:b', mode: 600}, c: {address: 'unix:c', mode: 777}}}"},
	{name: "mode that is not octal", text: "daemon: {sockets: {a: {address: 'unix:a', mode: 0680}}}", bad: "is not a mode", fix: "0660", blind: true},
	{name: "mode with more bits", text: "daemon: {sockets: {a: {address: 'unix:a', mode: '4755'}}}", bad: "is not a mode"},
	{name: "mode too short", text: "daemon: {sockets: {a: {address: 'unix:a', mode: '7'}}}", bad: "is not a mode"},
	{name: "mode in letters", text: "daemon: {sockets: {a: {address: 'unix:a', mode: u+rw}}}", bad: "is not a mode"},
	{name: "mode of a port", text: "daemon: {sockets: {a: {address: '127.0.0.1:80', mode: 0600}}}", bad: "daemon.sockets.a: only a Unix socket has a mode", fix: "remove mode"},
	{name: "mode of a number", text: "daemon: {sockets: {a: {address: 80, mode: 0600}}}", bad: "only a Unix socket has a mode"},
	{name: "type unknown", text: "daemon: {sockets: {a: {address: 80, type: steam}}}", bad: `daemon.sockets.a.type: "steam"`, fix: "did you mean stream?"},
	{name: "backlog 0", text: "daemon: {sockets: {a: {address: 80, backlog: 0}}}", bad: "less than 1"},
	{name: "backlog text", text: "daemon: {sockets: {a: {address: 80, backlog: '9'}}}", bad: "not a whole number"},
	{name: "backlog of a datagram socket", text: "daemon: {sockets: {a: {address: 80, type: datagram, backlog: 9}}}", bad: "nothing waits", fix: "remove backlog"},
	{name: "one address for two", text: "daemon: {sockets: {a: 80, b: '127.0.0.1:80'}}", bad: "1:30: daemon.sockets.b: the socket a has the same address", fix: "another", blind: true},
	{name: "one port for two types", text: "daemon: {sockets: {a: 80, b: {address: 80, type: datagram}, c: 0, d: 0}}"},

	{name: "variable of sd_listen_fds", text: "daemon: {environment: {LISTEN_PID: 1}}", bad: "set by apexd itself", fix: "remove it"},
}

// allDocuments are those that this system takes as they say.
func allDocuments() []documentCase {
	if !haveSockets {
		return documents
	}
	return append(slices.Clone(documents), socketDocuments...)
}

func TestSockets(t *testing.T) {
	if !haveSockets {
		t.Skip("sockets are refused here: TestSocketsElsewhere")
	}
	text := `daemon:
  command: x
  sockets:
    web: localhost:8080
    control: {address: "unix:.apex/c.sock"}
    admin: {address: "unix:/run/a.sock", mode: 0660, backlog: 5}
    dns: {address: "[::ffff:127.0.0.1]:53", type: datagram}
`
	dir := projectWith(t, text)
	c := mustLoad(t, Input{Project: dir})
	local := filepath.Join(dir, ".apex", "c.sock")
	want := []service.Socket{
		{Name: "web", Kind: service.SocketStream, Address: "127.0.0.1:8080"},
		{Name: "control", Kind: service.SocketStream, Address: "unix:" + local, Mode: 0o600},
		{Name: "admin", Kind: service.SocketStream, Address: "unix:/run/a.sock", Mode: 0o660, Backlog: 5},
		{Name: "dns", Kind: service.SocketDatagram, Address: "127.0.0.1:53"},
	}
	if !reflect.DeepEqual(c.Spec.Sockets, want) || c.Warnings != nil {
		t.Errorf("%+v, %q\nwant %+v", c.Spec.Sockets, c.Warnings, want)
	}
	if c.Spec.Sockets[1].UnixPath() != local || c.Spec.Sockets[0].UnixPath() != "" {
		t.Errorf("paths %q and %q", c.Spec.Sockets[1].UnixPath(), c.Spec.Sockets[0].UnixPath())
	}
	var shown []string
	for _, v := range c.Values {
		if strings.HasPrefix(v.Key, "sockets.") {
			shown = append(shown, fmt.Sprintf("%s=%v", v.Key, v.Value))
		}
	}
	values := []string{
		"sockets.web.address=127.0.0.1:8080", "sockets.web.type=stream",
		"sockets.control.address=unix:" + local, "sockets.control.type=stream", "sockets.control.mode=0600",
		"sockets.admin.address=unix:/run/a.sock", "sockets.admin.type=stream", "sockets.admin.mode=0660", "sockets.admin.backlog=5",
		"sockets.dns.address=127.0.0.1:53", "sockets.dns.type=datagram",
	}
	if !reflect.DeepEqual(shown, values) {
		t.Errorf("%q\nwant %q", shown, values)
	}
	if _, from := value(t, c, "sockets.admin.mode", dir); from != "/.apex/config.yaml:6" {
		t.Errorf("from %q", from)
	}
}

// The sockets of one file replace those of the file below it, whose order would mean something else.
func TestSocketsLayers(t *testing.T) {
	if !haveSockets {
		t.Skip("sockets are refused here: TestSocketsElsewhere")
	}
	dir := projectWith(t, "daemon: {command: x, sockets: {b: 81}}")
	user := write(t, dir, "user.yaml", "daemons: {daemon: {sockets: {a: 80, b: 82}}}")
	if s := mustLoad(t, Input{Project: dir, UserConfig: user}).Spec.Sockets; len(s) != 1 || s[0].Address != "127.0.0.1:81" {
		t.Errorf("%+v", s)
	}
	write(t, dir, "user.yaml", "daemon: {sockets: {a: 80}}")
	_, err := Load(Input{Project: dir, UserConfig: user})
	wantError(t, err, service.CodeConfigInvalid, "every daemon would listen there", "daemons:")
	_, err = Load(Input{Project: dir, Flags: map[string]string{"sockets": "80"}})
	wantError(t, err, service.CodeConfigInvalid, "no such key", "")
}

func TestSocketWarnings(t *testing.T) {
	if !haveSockets {
		t.Skip("sockets are refused here: TestSocketsElsewhere")
	}
	for _, c := range []struct{ name, text, want string }{
		{"no command", "daemon: {sockets: {a: 80}}", "the built-in API server listens at api.address"},
		{"a probe that always answers", "daemon: {command: x, sockets: {a: 80}, readiness: {type: tcp, address: 80}}", "use readiness type http or notify"},
		{"a probe of another port", "daemon: {command: x, sockets: {a: 80}, readiness: {type: tcp, address: 81}}", ""},
		{"a probe by http", "daemon: {command: x, sockets: {a: 80}, readiness: {type: http, url: 'http://127.0.0.1:80'}}", ""},
	} {
		got := strings.Join(mustLoad(t, Input{Project: projectWith(t, c.text)}).Warnings, "\n")
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Where sockets cannot be handed over, the key is named, and its place.
func TestSocketsElsewhere(t *testing.T) {
	dir := projectWith(t, "daemon:\n  sockets: {http: 80}\n")
	d, err := newDraft(Input{Project: dir})
	if err == nil {
		err = d.load()
	}
	if err != nil {
		t.Fatal(err)
	}
	d.finish()
	d.checkPlatform(false)
	wantError(t, d.problems.err(), service.CodeConfigInvalid, "config.yaml:2:12: daemon.sockets: this system cannot hand sockets", "remove it here")
	if _, err := Load(Input{Project: dir}); (err == nil) != haveSockets {
		t.Errorf("Load: %v", err)
	}
	if s := Fallback(Input{Project: dir}).Sockets; len(s) != 1 { // a stop needs no sockets, and must not fail for them
		t.Errorf("%+v", s)
	}
}
