package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// other is for each key a value that is not the default: how it is written in YAML, and what Values shows (paths below the project).
var other = map[string]struct {
	written string
	shown   any
}{
	"command":            {"node x.js", []string{"node", "x.js"}},
	"workingDirectory":   {"sub", "sub"},
	"environmentFile":    {"my.env", "my.env"},
	"pollInterval":       {"250", "250"},
	"logLevel":           {"error", "error"},
	"pidFile":            {"my.pid", "my.pid"},
	"logFile":            {"my.log", "my.log"},
	"stopTimeout":        {"90s", "1m30s"},
	"stopSignal":         {"QUIT", "SIGQUIT"},
	"reloadSignal":       {"1", "SIGHUP"},
	"readiness.type":     {"notify", "notify"},
	"readiness.url":      {"http://127.0.0.1:1/x", "http://127.0.0.1:1/x"},
	"readiness.address":  {"8080", "127.0.0.1:8080"},
	"readiness.pattern":  {"up", "up"},
	"readiness.timeout":  {"1h", "1h"},
	"readiness.interval": {"1s", "1s"},
	"readiness.settle":   {"2s", "2s"},
	"watchdog":           {"30s", "30s"},
	"restart.policy":     {"always", "always"},
	"restart.delay":      {"1s", "1s"},
	"restart.factor":     {"1.5", 1.5},
	"restart.maxDelay":   {"5m", "5m"},
	"restart.jitter":     {"0", 0.0},
	"restart.limit":      {"0", 0},
	"restart.window":     {"1d", "1d"},
	"restart.resetAfter": {"0", "0s"},
	"log.store":          {"file", "file"},
	"log.format":         {"json", "json"},
	"log.maxSize":        {"1MB", "1MB"},
	"log.maxAge":         {"7d", "7d"},
	"log.maxFiles":       {"9", 9},
	"log.compress":       {"false", false},
	"api.address":        {"localhost:80", "127.0.0.1:80"},
}

// beside is what a key of readiness cannot stand without.
func beside(k *key) string {
	if k.only == nil {
		return ""
	}
	s := "type: " + k.only[0]
	for i := range keys {
		if keys[i].need && contains(keys[i].only, k.only[0]) && keys[i].path != k.path {
			s += ", " + strings.TrimPrefix(keys[i].path, "readiness.") + ": " + other[keys[i].path].written
		}
	}
	return s + ", "
}

// yamlOf is a section in which k has the other value.
func yamlOf(k *key) string {
	group, name, nested := strings.Cut(k.path, ".")
	if !nested {
		return "{" + k.path + ": " + other[k.path].written + "}"
	}
	return "{" + group + ": {" + beside(k) + name + ": " + other[k.path].written + "}}"
}

// Each key can be set by each layer, and wins over those below. What is shown and where it comes from is right.
func TestEachKeyInEachLayer(t *testing.T) {
	for i := range keys {
		k := &keys[i]
		if k.named() {
			continue
		}
		o, ok := other[k.path]
		if !ok {
			t.Errorf("%s has no row in other", k.path)
			continue
		}
		t.Run(k.path, func(t *testing.T) {
			want := o.shown
			dir := testenv.TempDir(t)
			write(t, dir, "my.env", "")
			if k.kind == kindPath {
				want = filepath.Join(dir, o.written)
			}
			user := write(t, dir, "user.yaml", "daemons: {daemon: "+yamlOf(k)+"}\n")
			in := Input{Project: dir, UserConfig: user}
			checkLayer(t, in, k, want, "/user.yaml:1")

			write(t, dir, ".apex/config.yaml", "\ndaemon: "+yamlOf(k)+"\n")
			checkLayer(t, in, k, want, "/.apex/config.yaml:2")
			if k.env != "" {
				in.Env = env(k.env, o.written)
				checkLayer(t, in, k, want, k.env)
			}
			in.Flags = map[string]string{k.path: o.written}
			checkLayer(t, in, k, want, flagName(k.path))
		})
	}
}

func checkLayer(t *testing.T, in Input, k *key, want any, source string) {
	t.Helper()
	c, err := Load(in)
	if err != nil {
		t.Errorf("%s: %v", source, err)
		return
	}
	if got, from := value(t, c, k.path, in.Project); !reflect.DeepEqual(got, want) || from != source {
		t.Errorf("%v from %q; want %v from %q", got, from, want, source)
	}
}

// What Values shows can be written, and means the same.
func TestValuesCanBeWritten(t *testing.T) {
	for i := range keys {
		k := &keys[i]
		o, ok := other[k.path]
		if !ok {
			continue
		}
		d, _ := newDraft(Input{Project: "/p"})
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(o.written), &n); err != nil {
			t.Fatal(err)
		}
		if f := d.value(i, n.Content[0], origin{}); f != nil {
			t.Errorf("%s: %s", k.path, f.text)
			continue
		}
		first := k.show(k.at(d))
		text, err := yaml.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &n); err != nil {
			t.Fatal(err)
		}
		if f := d.value(i, n.Content[0], origin{}); f != nil {
			t.Errorf("%s: what is shown, %s, cannot be written: %s", k.path, text, f.text)
		} else if again := k.show(k.at(d)); !reflect.DeepEqual(again, first) {
			t.Errorf("%s: %v became %v", k.path, first, again)
		}
	}
}

// The defaults are within the limits, and can be written.
func TestDefaultsAreAllowed(t *testing.T) {
	var d draft
	d.defaults()
	for i := range keys {
		k := &keys[i]
		if k.at == nil || k.kind == kindPath {
			continue
		}
		text := fmt.Sprint(k.show(k.at(&d)))
		if text == "" || text == "[]" {
			continue
		}
		if _, f := k.parse(scalar{text: text}); f != nil {
			t.Errorf("%s: the default %s: %s", k.path, text, f.text)
		}
	}
}

// A Spec holds nothing that depends on the place of its keys in the file.
func TestOrderDoesNotMatter(t *testing.T) {
	head, body, _ := strings.Cut(strings.Replace(everything, "  environmentFile: secrets/env\n", "", 1), "daemon:\n")
	lines := strings.SplitAfter(strings.TrimSuffix(body, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	dir := projectWith(t, head+"daemon:\n"+strings.Join(lines, ""))
	want := mustLoad(t, Input{Project: dir}).Spec
	for i := range lines {
		turned := append(append([]string{}, lines[i:]...), lines[:i]...)
		write(t, dir, ".apex/config.yaml", "daemon:\n"+strings.Join(turned, "")+head)
		if got := mustLoad(t, Input{Project: dir}).Spec; !reflect.DeepEqual(got, want) {
			t.Errorf("beginning with %q: %+v", turned[0], got)
		}
	}
}

// The short form and the long one are one thing.
func TestShortForms(t *testing.T) {
	for short, long := range map[string]string{
		"restart: always":    "restart: {policy: always}",
		"restart: never":     "restart: {policy: never}",
		"readiness: notify":  "readiness: {type: notify}",
		"readiness: started": "readiness: {type: started}",
		"command: a 'b c'":   "command: [a, b c]",
		"stopSignal: 2":      "stopSignal: SIGINT",
		"watchdog: 0":        "watchdog: 0s",
	} {
		dir := testenv.TempDir(t)
		write(t, dir, ".apex/config.yaml", "daemon: {"+short+"}")
		a := mustLoad(t, Input{Project: dir})
		write(t, dir, ".apex/config.yaml", "daemon: {"+long+"}")
		if b := mustLoad(t, Input{Project: dir}); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %+v; %s: %+v", short, a, long, b)
		}
	}
}

func TestFlagName(t *testing.T) {
	for path, want := range map[string]string{"logFile": "--log-file", "restart.maxDelay": "--restart-max-delay", "api.address": "--api-address", "watchdog": "--watchdog", "pidFile": "--pid-file"} {
		if got := flagName(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// Two daemons of one project are told apart by their name alone.
func TestEachDaemonHasItsOwn(t *testing.T) {
	dir := projectWith(t, "daemon: {command: a, environment: {X: 1}}\ndaemons: {web: {command: b}, api: {command: c, environmentFile: api.secret}}\n")
	write(t, dir, ".apex/daemon.env", "S=daemon\n")
	write(t, dir, ".apex/web.env", "S=web\n")
	write(t, dir, ".apex/api.env", "S=not this\n")
	write(t, dir, "api.secret", "S=api\n")
	for name, want := range map[string][]string{"daemon": {"a", "S=daemon", "X=1"}, "web": {"b", "S=web"}, "api": {"c", "S=api"}} {
		s := mustLoad(t, Input{Project: dir, Name: name}).Spec
		if got := append(append([]string{}, s.Command...), s.Env...); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		if filepath.Base(s.PIDFile) != name+".pid" || filepath.Base(s.Log.Path) != name+".log" || s.Name != name {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A mistake in the section of one daemon does not keep another from running.
func TestSiblingsDoNotMatter(t *testing.T) {
	dir := projectWith(t, "daemon: {nonsense: 1}\ndaemons: {web: {command: x}, api: [1]}\n")
	if c := mustLoad(t, Input{Project: dir, Name: "web"}); len(c.Spec.Command) != 1 {
		t.Errorf("%+v", c.Spec)
	}
	for _, name := range []string{"daemon", "api"} {
		if _, err := Load(Input{Project: dir, Name: name}); service.CodeOf(err) != service.CodeConfigInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every problem is told, each at its own place.
func TestPositions(t *testing.T) {
	text := "\ufeffagents: 1\r\ndaemon:\r\n  command:   'a\r\n    b'   # not a problem\r\n  watchdog: x\r\n  environment:\r\n    GOOD: 1\r\n    \"BAD NAME\": 2\r\n" +
		"  readiness:\r\n    type: log\r\n    settle: 1s\r\n  ünknown: 1\r\n  log: {maxFiles: -1, format: [a]}\r\n  restart: &r\r\n    limit: x\r\n"
	_, err := Load(Input{Project: projectWith(t, text)})
	var got []string
	for _, line := range strings.Split(err.Error(), "\n")[1:] {
		_, at, _ := strings.Cut(line, "config.yaml:")
		place, rest, _ := strings.Cut(at, ": ")
		key, _, _ := strings.Cut(rest, ": ")
		got = append(got, place+" "+key)
	}
	want := []string{
		"5:13 daemon.watchdog", "8:5 daemon.environment.BAD NAME", "11:5 daemon.readiness.settle", "12:3 daemon.ünknown", "13:19 daemon.log.maxFiles", "13:31 daemon.log.format",
		"15:12 daemon.restart.limit", "10:11 daemon.readiness.type",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q\n%v", got, want, err)
	}
}

// What an explicit entry says wins over what is merged, and the first of several merged mappings over the next.
func TestMergePrecedence(t *testing.T) {
	base := "a: &a {watchdog: 1s, stopTimeout: 1s}\nb: &b {watchdog: 2s, logLevel: error, log: {maxFiles: 1}}\nc: &c {<<: *b, log: {maxSize: 1MB}}\n"
	cases := []struct{ name, section, key, want string }{
		{"merged", "{<<: *a}", "watchdog", "1s"},
		{"explicit, before", "{watchdog: 3s, <<: *a}", "watchdog", "3s"},
		{"explicit, after", "{<<: *a, watchdog: 3s}", "watchdog", "3s"},
		{"first of a list", "{<<: [*a, *b]}", "watchdog", "1s"},
		{"second of a list", "{<<: [*a, *b]}", "logLevel", "error"},
		{"two merge keys", "{<<: *b, <<: *a}", "watchdog", "2s"},
		{"merged in what is merged", "{<<: *c}", "logLevel", "error"},
		{"a merged mapping replaces, it does not go into", "{<<: *c}", "log.maxFiles", "5"},
		{"inside a group", "{log: {<<: {maxFiles: 4}}}", "log.maxFiles", "4"},
	}
	for _, c := range cases {
		conf := mustLoad(t, Input{Project: projectWith(t, base+"daemon: "+c.section+"\n")})
		if got, _ := value(t, conf, c.key, ""); fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	for s, want := range map[string]string{
		"8080": "127.0.0.1:8080", "65535": "127.0.0.1:65535", "h:1": "h:1", "a.b-c:80": "a.b-c:80", "10.0.0.1:80": "10.0.0.1:80", "[::1]:80": "[::1]:80", "[fe80::1%eth0]:80": "[fe80::1%eth0]:80",
		"": "", "0": "", "65536": "", ":80": "", "h": "", "h:": "", "h:0": "", "h:x": "", "h:-1": "", "h:+1": "", "+80": "", "::1:80": "", "[::1]": "", "[h]:80": "", "[10.0.0.1]:80": "",
		"[::1:80": "", "a b:80": "", "http://h:80": "", "u@h:80": "", "h:80/": "",
	} {
		got, f := parseAddress(s)
		if (f == nil) != (want != "") || f == nil && got != want {
			t.Errorf("%q: %v, %v; want %q", s, got, f, want)
		}
	}
}

func TestParseLoopback(t *testing.T) {
	for s, want := range map[string]string{
		"127.0.0.1:0": "127.0.0.1:0", "127.9.9.9:65535": "127.9.9.9:65535", "localhost:80": "127.0.0.1:80", "[::1]:0": "[::1]:0", "[::ffff:127.0.0.1]:1": "[::ffff:127.0.0.1]:1",
		"": "", "127.0.0.1": "", "0.0.0.0:80": "", "[::]:80": "", "192.168.0.1:80": "", "10.127.0.1:80": "", ":80": "", "80": "", "127.1:80": "", "localhost": "", "localhost:": "",
		"localhost.example:80": "", "127.0.0.1:65536": "", "127.0.0.1:-1": "", "127.0.0.1.nip.io:80": "", "127.000.0.1:80": "", "0x7f.0.0.1:80": "",
	} {
		got, f := parseLoopback(s)
		if (f == nil) != (want != "") || f == nil && got != want {
			t.Errorf("%q: %v, %v; want %q", s, got, f, want)
		}
	}
}

func TestParseURL(t *testing.T) {
	for s, good := range map[string]bool{
		"http://127.0.0.1:8080/health": true, "https://h": false, "HTTP://h/": true, "http://[::1]:80/": true, "http://h?a=b": true, "http://u:p@h/": true,
		"": false, "h": false, "h:80/health": false, "//h/": false, "/health": false, "ftp://h/": false, "unix:///x": false, "http://": false, "http:///x": false, "http://h:0/": false,
		"http://h:65536/": false, "http://h:x/": false, "http://h /": false, "http://h/a b": false, "http://h/\n": false, "file:///etc/passwd": false,
	} {
		if _, f := parseURL(s); (f == nil) != good {
			t.Errorf("%q: %v", s, f)
		} else if f != nil && f.fix == "" {
			t.Errorf("%q: no fix", s)
		}
	}
	if _, f := parseURL("http://u:s3cret@h:99999/"); f == nil || strings.Contains(f.text, "s3cret") {
		t.Errorf("the message tells the password: %v", f)
	}
}

func TestParseSignals(t *testing.T) {
	stop, reload := &keys[keyIndex("stopSignal")], &keys[keyIndex("reloadSignal")]
	cases := []struct {
		k    *key
		text string
		want any
	}{
		{stop, "TERM", "SIGTERM"},
		{stop, "SIGTERM", "SIGTERM"},
		{stop, "15", "SIGTERM"},
		{stop, "2", "SIGINT"},
		{stop, "SIGWINCH", "SIGWINCH"},
		{stop, "6", "SIGABRT"},
		{reload, "HUP", "SIGHUP"},
		{reload, "1", "SIGHUP"},
		{reload, "none", ""},
		{reload, "SIGUSR2", "SIGUSR2"},
		{stop, "none", nil},
		{stop, "", nil},
		{stop, "SIG", nil},
		{stop, "SIGSIGTERM", nil},
		{stop, "term", nil},
		{stop, "9", nil},
		{stop, "SIGKILL", nil},
		{stop, "STOP", nil},
		{stop, "0", nil},
		{stop, "-15", nil},
		{stop, "015", nil},
		{stop, "10", nil},
		{reload, "TERM", nil},
		{reload, "SIGnone", nil},
		{reload, "15", nil},
	}
	for _, c := range cases {
		got, f := c.k.parseSignal(scalar{text: c.text})
		if (f == nil) != (c.want != nil) || f == nil && got != c.want {
			t.Errorf("%s %q: %v, %v; want %v", c.k.path, c.text, got, f, c.want)
		}
	}
}
