package config

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/service"
)

// socket is one entry of sockets, and where it stands.
type socket struct {
	service.Socket
	from origin
}

const (
	// maxUnixPath fits sockaddr_un.sun_path with its NUL on every system: 104 bytes on macOS and the BSDs, 108 on Linux (unix(4), unix(7)).
	maxUnixPath = 103

	modePattern   = `^0?[0-7]{3}$`
	listenPattern = `^((localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\]):)?[0-9]+$|^unix:[^@~\x00-\x20\x7f\\]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f\\])?$`
	namePattern   = `^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$`
)

// socketKeys is what the long form of a socket has. It is not changed.
var socketKeys = [...]key{
	{
		path: "address", kind: kindListen, at: func(d *draft) any { return &d.socket.Address }, def: "-", need: true,
		doc: "IP:port, a port of 127.0.0.1, or unix:PATH.",
	},
	{
		path: "type", kind: kindWord, at: func(d *draft) any { return &d.socket.Kind }, words: []string{"stream", "datagram"}, def: "stream",
		doc: "stream (TCP, Unix) or datagram (UDP, Unix).",
	},
	{
		path: "mode", kind: kindMode, at: func(d *draft) any { return &d.socket.Mode }, def: "0600",
		doc: "Permissions of a Unix socket's file, in octal.",
	},
	{
		path: "backlog", kind: kindInteger, at: func(d *draft) any { return &d.socket.Backlog }, least: 1, most: 65535, def: "-",
		doc: "How many connections may wait to be accepted.",
	},
}

// readSockets decodes the mapping sockets. It replaces what a lower layer said: their order means something.
func (d *draft) readSockets(s section, at string, n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.add(s.file, n, at, fault{"it is a " + nodeKind(n), `write sockets: {http: "127.0.0.1:8080"}`})
		return
	}
	d.sockets, d.origins[keyIndex("sockets")] = nil, s.origin(n, at)
	for _, p := range d.pairs(s.file, at, n) {
		if !service.ValidSocketName(p.name) {
			d.add(s.file, p.key, at, fault{quoted(p.name) + " cannot name a socket", "use 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"})
			continue
		}
		at := at + "." + p.name
		d.socket = service.Socket{Name: p.name, Kind: service.SocketStream}
		if d.readSocket(s, at, p.value) {
			d.sockets = append(d.sockets, socket{d.socket, s.origin(p.value, at)})
		}
	}
}

// readSocket decodes one socket: its address alone, or a mapping. It reports whether all of it is right.
func (d *draft) readSocket(s section, at string, n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		return d.socketValue(s, at, &socketKeys[0], n)
	}
	ok, found := true, false
	for _, p := range d.pairs(s.file, at, n) {
		i := slices.IndexFunc(socketKeys[:], func(k key) bool { return k.path == p.name })
		if i < 0 {
			d.add(s.file, p.key, at+"."+p.name, fault{"there is no such key", socketFix(p.name)})
			ok = false
			continue
		}
		found = found || i == 0
		ok = d.socketValue(s, at+"."+p.name, &socketKeys[i], p.value) && ok
	}
	if !found {
		d.add(s.file, n, at, fault{"it has no address", `write {address: "127.0.0.1:8080"}`})
	}
	return ok && found
}

func (d *draft) socketValue(s section, at string, k *key, n *yaml.Node) bool {
	f := &fault{"it is a " + nodeKind(n), "write " + k.example()}
	if n.Kind == yaml.ScalarNode {
		var text scalar
		if text, f = scalarOf(n); f == nil {
			var v any
			if v, f = k.parse(text); f == nil {
				store(k.at(d), v)
			}
		}
	}
	if f != nil {
		d.add(s.file, n, at, *f)
	}
	return f == nil
}

func socketFix(name string) string {
	var all []string
	for i := range socketKeys {
		all = append(all, socketKeys[i].path)
	}
	if s := suggest(name, all); s != "" {
		return "did you mean " + s + "?"
	}
	return "a socket has " + strings.Join(all, ", ")
}

// parseListen returns "IP:port" in its shortest form, or "unix:PATH".
func parseListen(s string) (any, *fault) {
	const example = "write 127.0.0.1:8080, [::1]:8080, a port of 127.0.0.1, or unix:PATH"
	if path, ok := strings.CutPrefix(s, service.UnixPrefix); ok {
		return s, checkUnixPath(path)
	}
	if isPort(s, 0) {
		s = "127.0.0.1:" + s
	}
	if port, ok := strings.CutPrefix(s, "localhost:"); ok {
		s = "127.0.0.1:" + port
	}
	if port, ok := strings.CutPrefix(strings.TrimPrefix(s, "*"), ":"); ok && isPort(port, 0) {
		return nil, &fault{quoted(s) + " does not say which interface", "write 0.0.0.0:" + port + " for all of them, or 127.0.0.1:" + port}
	}
	a, err := netip.ParseAddrPort(s)
	switch {
	case err != nil:
		return nil, &fault{quoted(s) + " is not an address to listen at; names are not looked up", example}
	case a.Addr().Zone() != "":
		return nil, &fault{quoted(s) + " has a zone, which only means something on one machine", example}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String(), nil
}

// checkUnixPath refuses what cannot stand in a .socket unit, and abstract sockets, which have no owner and no mode.
func checkUnixPath(path string) *fault {
	switch {
	case path == "":
		return &fault{"it has no path", "write unix:.apex/web.sock"}
	case path[0] == '@':
		return &fault{"an abstract socket has no owner and no mode", "write unix:.apex/web.sock"}
	case path[0] == '~':
		return &fault{`"~" is not expanded`, "write the whole path"}
	case strings.ContainsFunc(path, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return &fault{"a control character is in it", "remove it"}
	case strings.ContainsRune(` \`, rune(path[0])) || strings.ContainsRune(` \`, rune(path[len(path)-1])):
		return &fault{"a path that begins or ends with a space or backslash cannot be given to every manager", "write another path"}
	}
	return nil
}

// parseMode takes three octal digits, with or without a 0 before them, quoted or not.
func parseMode(s scalar) (any, *fault) {
	digits := s.text
	if len(digits) == 4 && digits[0] == '0' {
		digits = digits[1:]
	}
	m, err := strconv.ParseUint(digits, 8, 12)
	if err != nil || len(digits) != 3 || !s.is("!!str", "!!int") {
		return nil, &fault{quoted(s.text) + " is not a mode", "write three octal digits, such as 0660"}
	}
	return fs.FileMode(m), nil
}

func showMode(m fs.FileMode) string { return fmt.Sprintf("%04o", uint32(m)) }

// checkSockets completes the sockets, and checks them together with the rest.
func (d *draft) checkSockets() {
	at := map[string]string{}
	for i := range d.sockets {
		s := &d.sockets[i]
		if f := d.completeSocket(&s.Socket); f != nil {
			d.problemFrom(s.from, "sockets", *f)
			continue
		}
		place := string(s.Kind) + " " + s.Address
		if other, ok := at[place]; ok && !strings.HasSuffix(place, ":0") {
			d.problemFrom(s.from, "sockets", fault{"the socket " + other + " has the same address", "write another address"})
			continue
		}
		at[place] = s.Name
		d.spec.Sockets = append(d.spec.Sockets, s.Socket)
	}
	d.warnSockets()
}

// completeSocket fills in what depends on the address.
func (d *draft) completeSocket(s *service.Socket) *fault {
	if s.Backlog > 0 && s.Kind == service.SocketDatagram {
		return &fault{"nothing waits to be accepted at a datagram socket", "remove backlog"}
	}
	path := s.UnixPath()
	if path == "" {
		if s.Mode != 0 {
			return &fault{"only a Unix socket has a mode", "remove mode"}
		}
		return nil
	}
	path = d.abs(path)
	s.Address = service.UnixPrefix + path
	if s.Mode == 0 {
		s.Mode = service.DefaultSocketMode
	}
	pid, log := d.spec.PIDFile, d.spec.Log.Path
	switch {
	case len(path) > maxUnixPath:
		return &fault{fmt.Sprintf("the path %s has %d bytes, more than the %d that a Unix socket may have", quoted(path), len(path), maxUnixPath), "write a shorter one, such as /run/user/1000/web.sock"}
	case path == pid || path == pid+".lock" || path == log:
		return &fault{"the record, its lock or the log has the same path", "write another path"}
	}
	return nil
}

// warnSockets says what is allowed and hardly meant.
func (d *draft) warnSockets() {
	if len(d.spec.Sockets) > 0 && len(d.spec.Command) == 0 {
		d.warn("sockets are for a command, and none is configured: the built-in API server listens at api.address")
	}
	r := d.spec.Readiness
	for _, s := range d.spec.Sockets {
		if r.Kind == service.ReadyTCP && r.Address == s.Address && s.Kind == service.SocketStream {
			d.warn("readiness.address is that of sockets." + s.Name + ", where connections are taken before the command runs: use readiness type http or notify")
		}
	}
}

// checkPlatform refuses sockets where they cannot be handed over.
func (d *draft) checkPlatform(sockets bool) {
	if len(d.sockets) > 0 && !sockets {
		d.problemAt("sockets", fault{"this system cannot hand sockets to a program", "remove it here, and let the command listen itself"})
	}
}

// socketValues is the part of Config.Values about sockets.
func (d *draft) socketValues() []Value {
	var out []Value
	for _, s := range d.sockets {
		add := func(name string, v any) {
			out = append(out, Value{"sockets." + s.Name + "." + name, v, s.from.String()})
		}
		add("address", s.Address)
		add("type", string(s.Kind))
		if s.Mode != 0 {
			add("mode", showMode(s.Mode))
		}
		if s.Backlog != 0 {
			add("backlog", s.Backlog)
		}
	}
	return out
}

func socketsSchema() object {
	var d draft
	props := object{}
	for i := range socketKeys {
		props[socketKeys[i].path] = socketKeys[i].schema(&d)
	}
	long := object{
		"type": "object", "additionalProperties": false, "required": []string{"address"}, "properties": props,
		"not": object{"required": []string{"type", "backlog"}, "properties": object{"type": object{"const": "datagram"}}},
		"if":  object{"required": []string{"mode"}}, "then": object{"properties": object{"address": object{"type": "string", "pattern": "^unix:"}}},
	}
	return object{
		"type":                 []string{"object", "null"},
		"propertyNames":        object{"pattern": namePattern},
		"additionalProperties": object{"anyOf": []any{socketKeys[0].schema(&d), long}},
	}
}
