package config

import (
	"io/fs"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// kind is what may be written as the value of a key.
type kind uint8

const (
	kindCommand     kind = iota // a list of words, or one string
	kindEnvironment             // a mapping of names to scalars
	kindPath                    // of a file or directory, relative to the project
	kindPassed                  // a scalar that is passed on as written
	kindWord                    // one of a few
	kindSignal                  // TERM, SIGTERM, 15
	kindDuration                // 10s
	kindSize                    // 10MB
	kindInteger
	kindNumber
	kindBool
	kindURL      // http://…
	kindAddress  // host:port, or a port
	kindLoopback // 127.0.0.1:port
	kindRegexp
	kindSockets // a mapping of names to sockets
	kindListen  // 127.0.0.1:8080, unix:PATH
	kindMode    // 0660
)

// scalar is one value before it is parsed.
type scalar struct {
	text string
	tag  string // of YAML, short: "!!int"; "" where there are no types, in flags and environment variables
}

func (s scalar) is(tags ...string) bool {
	for _, t := range tags {
		if s.tag == t {
			return true
		}
	}
	return s.tag == ""
}

// parse returns the value that s means for k. Its type is what store expects.
func (k *key) parse(s scalar) (any, *fault) {
	switch {
	case s.is("!!null") && s.tag != "":
		return nil, &fault{"it has no value", "write " + k.example() + ", or remove the line"}
	case len(s.text) > maxText:
		return nil, &fault{"it is longer than 65535 bytes", "write " + k.example()}
	case strings.ContainsRune(s.text, 0):
		return nil, &fault{"it has a NUL character in it, which no path or program argument can have", "remove it"}
	}
	switch k.kind {
	case kindCommand:
		return parseCommand(s)
	case kindPath:
		return parsePath(s)
	case kindPassed:
		return parsePassed(s)
	case kindDuration, kindSize, kindInteger, kindNumber:
		return k.parseNumber(s)
	case kindBool:
		if s.is("!!bool") && (strings.EqualFold(s.text, "true") || strings.EqualFold(s.text, "false")) {
			return strings.EqualFold(s.text, "true"), nil
		}
		return nil, &fault{quoted(s.text) + " is neither true nor false", "write true or false, without quotes"}
	case kindSignal:
		return k.parseSignal(s)
	case kindMode:
		return parseMode(s)
	}
	number := (k.kind == kindAddress || k.kind == kindListen) && s.is("!!int")
	if s.is("!!str") || k.kind == kindWord || number {
		return k.parseText(s.text)
	}
	return nil, &fault{quoted(s.text) + " is not text", "write " + k.example()}
}

// parseText parses the kinds that are text in YAML.
func (k *key) parseText(s string) (any, *fault) {
	switch k.kind {
	case kindWord:
		return k.parseWord(s)
	case kindURL:
		return parseURL(s)
	case kindAddress:
		return parseAddress(s)
	case kindLoopback:
		return parseLoopback(s)
	case kindListen:
		return parseListen(s)
	case kindRegexp:
		if s == "" {
			return nil, &fault{"it is empty", "write " + k.example()}
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, &fault{err.Error(), "write a Go regular expression, " + k.example() + "; in YAML '…' keeps backslashes"}
		}
		return re, nil
	}
	panic("internal error: " + k.path + " has no parser")
}

func parseCommand(s scalar) (any, *fault) {
	if !s.is("!!str") {
		return nil, &fault{quoted(s.text) + " is not a command", `write "node server.js" or [node, server.js]`}
	}
	words, f := splitCommand(s.text)
	if f == nil {
		f = checkArgv(words)
	}
	return words, f
}

// checkArgv reports why argv cannot be executed, or nil.
func checkArgv(argv []string) *fault {
	if len(argv) == 0 {
		return &fault{"it is empty", "write a program and its arguments, or remove the key for the built-in API server"}
	}
	if argv[0] == "" {
		return &fault{"the program is empty", "write its name first: [node, server.js]"}
	}
	for _, a := range argv {
		if strings.ContainsRune(a, 0) {
			return &fault{"an argument has a NUL character in it, which no program can be given", "remove it"}
		}
	}
	return nil
}

func parsePath(s scalar) (any, *fault) {
	switch {
	case !s.is("!!str"):
		return nil, &fault{quoted(s.text) + " is not text", "put the path in quotes"}
	case s.text == "":
		return nil, &fault{"it is empty", "write a path, or remove the line"}
	case s.text[0] == '~':
		return nil, &fault{`"~" is not expanded`, "write the whole path, or ./" + s.text + " for a file of that name"}
	}
	return s.text, nil
}

func parsePassed(s scalar) (any, *fault) {
	if !s.is("!!str", "!!int", "!!float") || s.text == "" || s.text[0] == '-' {
		return nil, &fault{quoted(s.text) + " is not an interval", "write what APEX expects, such as 5000 (milliseconds)"}
	}
	return s.text, nil
}

func (k *key) parseWord(s string) (any, *fault) {
	for _, w := range k.words {
		if s == w {
			return s, nil
		}
	}
	fix := "write one of " + strings.Join(k.words, ", ")
	if w := suggest(s, k.words); w != "" {
		fix = "did you mean " + w + "? It is one of " + strings.Join(k.words, ", ")
	}
	return nil, &fault{quoted(s) + " is not one of its values", fix}
}

// parseNumber parses the kinds that have a range.
func (k *key) parseNumber(s scalar) (any, *fault) {
	switch k.kind {
	case kindDuration:
		if !s.is("!!str", "!!int", "!!float") {
			return nil, notDuration(s.text)
		}
		v, f := parseDuration(s.text)
		return v, k.inRange(f, s.text, float64(v), formatDuration(time.Duration(k.least)), formatDuration(time.Duration(k.most)))
	case kindSize:
		v, f := parseSize(s.text)
		return v, k.inRange(f, s.text, float64(v), formatSize(k.least), formatSize(k.most))
	case kindInteger:
		v, err := strconv.Atoi(s.text)
		if err != nil || !s.is("!!int") || strings.HasPrefix(s.text, "+") {
			return nil, &fault{quoted(s.text) + " is not a whole number", "write a number, without quotes: " + k.example()}
		}
		return v, k.inRange(nil, s.text, float64(v), strconv.FormatInt(k.least, 10), strconv.FormatInt(k.most, 10))
	default:
		v, err := strconv.ParseFloat(s.text, 64)
		if err != nil || !s.is("!!int", "!!float") {
			return nil, &fault{quoted(s.text) + " is not a number", "write a number, without quotes: " + k.example()}
		}
		return v, k.inRange(nil, s.text, v, strconv.FormatInt(k.least, 10), strconv.FormatInt(k.most, 10))
	}
}

// inRange returns f, or what is wrong with v, which may be NaN.
func (k *key) inRange(f *fault, text string, v float64, least, most string) *fault {
	switch {
	case f != nil:
		return f
	case v < float64(k.least):
		return &fault{quoted(text) + " is less than " + least, "write " + least + " to " + most}
	case !(v <= float64(k.most)):
		return &fault{quoted(text) + " is more than " + most, "write " + least + " to " + most}
	}
	return nil
}

// parseSignal returns "SIGTERM", or "" for none. A number is taken only where POSIX fixes it (kill(1p)); the others differ between systems.
func (k *key) parseSignal(s scalar) (any, *fault) {
	name := strings.TrimPrefix(s.text, "SIG")
	if s.is("!!int") {
		if n := signalName(s.text); n != "" {
			name = n
		}
	}
	for _, w := range k.words {
		switch {
		case name != w || name == noSignal && s.text != noSignal: // "SIGnone"
		case s.text == noSignal:
			return "", nil
		default:
			return "SIG" + name, nil
		}
	}
	fix := "write one of SIG" + strings.Join(k.words, ", SIG")
	if name == "KILL" || name == "9" {
		fix = "a graceful request comes first; `apexd stop --force` does not wait for it"
	}
	return nil, &fault{quoted(s.text) + " is not a signal for this", strings.Replace(fix, "SIG"+noSignal, noSignal, 1)}
}

// signalNumbers are those that are the same on every system.
var signalNumbers = [...]struct{ number, name string }{{"1", "HUP"}, {"2", "INT"}, {"3", "QUIT"}, {"6", "ABRT"}, {"14", "ALRM"}, {"15", "TERM"}}

func signalName(number string) string {
	for _, s := range signalNumbers {
		if s.number == number {
			return s.name
		}
	}
	return ""
}

func parseURL(s string) (any, *fault) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || strings.ContainsAny(s, " \t\r\n") {
		return nil, &fault{"it is not an http:// URL", "write http://127.0.0.1:8080/health, or probe an https server with type: tcp"} // it may hold a password
	}
	if p := u.Port(); p != "" && !isPort(p, 1) {
		return nil, &fault{quoted(p) + " is not a port", "write http://127.0.0.1:8080/health"}
	}
	return s, nil
}

// parseAddress returns host:port; a port alone is one of 127.0.0.1.
func parseAddress(s string) (any, *fault) {
	if isPort(s, 1) {
		return "127.0.0.1:" + s, nil
	}
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || !isPort(s[i+1:], 1) || !isHost(s[:i]) {
		return nil, &fault{quoted(s) + " is not an address", "write 127.0.0.1:8080, [::1]:8080, or the port alone"}
	}
	return s, nil
}

// isHost reports whether s can stand before the port: a name, an IPv4 address, or an IPv6 address in brackets.
func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return err == nil && a.Is6() && strings.HasSuffix(s, "]")
	}
	return !strings.ContainsAny(s, ":[]/@ \t\r\n")
}

func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least && s[0] != '+'
}

// parseLoopback returns an address that nobody else can reach. The name localhost is replaced: what it means is up to /etc/hosts.
func parseLoopback(s string) (any, *fault) {
	if port, ok := strings.CutPrefix(s, "localhost:"); ok {
		s = "127.0.0.1:" + port
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, &fault{quoted(s) + " is not an address", "write 127.0.0.1:8080, or 127.0.0.1:0 for any free port"}
	}
	if !a.Addr().IsLoopback() {
		return nil, &fault{quoted(s) + " is open to other machines; the API server listens on loopback only", "write 127.0.0.1:" + strconv.Itoa(int(a.Port()))}
	}
	return s, nil
}

// example is what to write for k.
func (k *key) example() string {
	switch k.kind {
	case kindCommand:
		return "[node, server.js]"
	case kindEnvironment:
		return "{NAME: value}"
	case kindPath:
		return "a path"
	case kindPassed:
		return "5000"
	case kindWord:
		return "one of " + strings.Join(k.words, ", ")
	case kindSignal:
		return "SIG" + k.words[0]
	case kindDuration:
		return "10s"
	case kindSize:
		return "10MB"
	case kindInteger:
		return "5"
	case kindNumber:
		return "1"
	case kindBool:
		return "true"
	case kindURL:
		return "http://127.0.0.1:8080/health"
	case kindRegexp:
		return `"listening on"`
	case kindSockets:
		return `{http: "127.0.0.1:8080"}`
	case kindMode:
		return "0660"
	}
	return `"127.0.0.1:8080"`
}

// store puts the result of parse where ptr points.
func store(ptr, v any) {
	switch p := ptr.(type) {
	case *string:
		*p = v.(string)
	case *[]string:
		*p = v.([]string)
	case *time.Duration:
		*p = v.(time.Duration)
	case *int64:
		*p = v.(int64)
	case *int:
		*p = v.(int)
	case *float64:
		*p = v.(float64)
	case *bool:
		*p = v.(bool)
	case *service.ReadinessKind:
		*p = service.ReadinessKind(v.(string))
	case *service.RestartWhen:
		*p = service.RestartWhen(v.(string))
	case *service.SocketKind:
		*p = service.SocketKind(v.(string))
	case *fs.FileMode:
		*p = v.(fs.FileMode)
	case **regexp.Regexp:
		*p = v.(*regexp.Regexp)
	default:
		panic("internal error: no store for this type")
	}
}

// show is the value at ptr as Values has it: a string, []string, int, float64 or bool.
func (k *key) show(ptr any) any {
	switch p := ptr.(type) {
	case *[]string:
		return append([]string{}, *p...)
	case *time.Duration:
		return formatDuration(*p)
	case *int64:
		return formatSize(*p)
	case *int:
		return *p
	case *float64:
		return *p
	case *bool:
		return *p
	case *service.ReadinessKind:
		return string(*p)
	case *service.RestartWhen:
		return string(*p)
	case *service.SocketKind:
		return string(*p)
	case *fs.FileMode:
		return showMode(*p)
	case **regexp.Regexp:
		if *p == nil {
			return ""
		}
		return (*p).String()
	case *string:
		return k.showText(*p)
	}
	panic("internal error: no show for this type")
}

func (k *key) showText(s string) string {
	switch {
	case k.kind == kindSignal && s == "":
		return noSignal
	case k.kind == kindURL && s != "":
		if u, err := url.Parse(s); err == nil {
			return u.Redacted()
		}
	}
	return s
}
