package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// documentCase is a document that decoder and schema are asked about.
type documentCase struct {
	name, text string
	bad        string // in the decoder's message; "" where the document is good
	fix        string // in its hint
	blind      bool
}

// documents is what decoder and schema are asked about. They must agree, except where blind says that a schema cannot tell.
var documents = []documentCase{
	{name: "nothing", text: ""},
	{name: "null", text: "~"},
	{name: "other sections hold anything", text: "agents: [1, {2: 3}]\nprojects: ~\nx: 1\nx: 2\n1: 2\n? [a]\n: b\n"},
	{name: "other sections are YAML", text: "x: [*b]\n", bad: "unknown anchor", fix: "indentation", blind: true},
	{name: "list at the top", text: "- a\n", bad: "1:1: the file is not a mapping", fix: "daemon:"},
	{name: "text at the top", text: "hello\n", bad: "not a mapping"},
	{name: "section missing its content", text: "daemon:\n"},
	{name: "section is text", text: "daemon: x\n", bad: "1:9: daemon: it is not a mapping", fix: "command"},
	{name: "section is a list", text: "daemon: [x]\n", bad: "daemon: it is not a mapping"},
	{name: "doubled section", text: "daemon: {}\ndaemon: {}\n", bad: "2:1: daemon: it is there twice", blind: true},
	{name: "unknown key", text: "daemon:\n  comand: x\n", bad: "2:3: daemon.comand: there is no such key", fix: "did you mean command?"},
	{name: "unknown key, other style", text: "daemon: {stop_timeout: 1s}", bad: "no such key", fix: "did you mean stopTimeout?"},
	{name: "unknown key, other tool's word", text: "daemon: {cwd: x}", bad: "no such key", fix: "did you mean workingDirectory?"},
	{name: "key at the wrong level", text: "daemon: {maxSize: 1MB}", bad: "no such key", fix: "did you mean log.maxSize?"},
	{name: "unknown key without a like", text: "daemon: {log: {zzzzzz: 1}}", bad: "daemon.log.zzzzzz: there is no such key", fix: "log has store, format, maxSize"},
	{name: "doubled key", text: "daemon: {watchdog: 1s, watchdog: 2s}", bad: "1:24: daemon.watchdog: it is there twice", blind: true},
	{name: "key that is a list", text: "daemon:\n  ? [a]\n  : b\n", bad: "a key here is not text", fix: "NAME: value"},
	{name: "key that is null", text: "daemon: {~: b}", bad: "a key here is not text"},

	{name: "daemons", text: "daemons: {web: {command: x}, a.b_c-9: ~}"},
	{name: "daemons empty", text: "daemons:\n"},
	{name: "daemons is a list", text: "daemons: [web]", bad: "daemons: it is not a mapping", fix: "web"},
	{name: "daemon twice", text: "daemon: ~\ndaemons: {daemon: {}}", bad: "2:11: daemons.daemon: this daemon has the section daemon already", fix: "keep one"},
	{name: "daemon in daemons", text: "daemons: {daemon: {command: x}}"},
	{name: "bad name", text: "daemons: {a/b: {}}", bad: `"a/b" cannot name a daemon`, fix: "letters"},
	{name: "name that ends with a dot", text: "daemons: {a.: {}}", bad: "cannot name"},
	{name: "name of one letter", text: "daemons: {a: {}}"},
	{name: "long name", text: "daemons: {" + strings.Repeat("a", 64) + ": {}}"},
	{name: "longer name", text: "daemons: {" + strings.Repeat("a", 65) + ": {}}", bad: "cannot name"},
	{name: "reserved name", text: "daemons: {config: {}}", bad: "cannot name"},

	{name: "command as list", text: "daemon: {command: [node, 1, 2.5, true, '']}"},
	{name: "command as text", text: `daemon: {command: node 'a b' "c \" d" e\ f}`},
	{name: "command on two lines", text: "daemon:\n  command: >\n    node\n    server.js\n"},
	{name: "command with a metacharacter", text: "daemon: {command: a | b}", bad: `daemon.command: "|" outside of quotes`, fix: "[sh, -c"},
	{name: "command with a variable", text: "daemon: {command: echo $HOME}", bad: `"$" outside of quotes`, fix: "[sh, -c"},
	{name: "quoted metacharacters", text: `daemon: {command: sh -c 'a | b' "$x;"}`},
	{name: "command with newlines", text: "daemon:\n  command: |\n    a\n    b\n", bad: "outside of quotes"},
	{name: "command with an open quote", text: `daemon: {command: 'a "b'}`, bad: "never closed", fix: "close it"},
	{name: "command with a Windows path", text: `daemon: {command: 'C:\node\node.exe x'}`, bad: `stands before "n"`, fix: "'…'"},
	{name: "command that ends in a backslash", text: `daemon: {command: 'a \'}`, bad: "ends it"},
	{name: "command that sets a variable", text: "daemon: {command: PORT=80 node x}", bad: "is not a program", fix: "environment"},
	{name: "command with a home directory", text: "daemon: {command: ~/bin/x}", bad: "not expanded", blind: true},
	{name: "command empty", text: "daemon: {command: ''}", bad: "it is empty"},
	{name: "command of spaces", text: "daemon: {command: '  '}", bad: "it is empty"},
	{name: "command null", text: "daemon: {command: }", bad: "it has no value", fix: "[node, server.js]"},
	{name: "command list empty", text: "daemon: {command: []}", bad: "it is empty"},
	{name: "program empty", text: "daemon: {command: ['', a]}", bad: "the program is empty"},
	{name: "argument null", text: "daemon: {command: [a, ~]}", bad: "it has no value", fix: `""`},
	{name: "argument a list", text: "daemon: {command: [a, [b]]}", bad: "a list is in it"},
	{name: "argument with NUL", text: `daemon: {command: [a, "b\0"]}`, bad: "NUL"},
	{name: "command with NUL", text: `daemon: {command: "a b\0"}`, bad: "NUL"},
	{name: "command a number", text: "daemon: {command: 5}", bad: "is not a command"},
	{name: "command a mapping", text: "daemon: {command: {a: b}}", bad: "it is a mapping"},

	{name: "environment", text: "daemon: {environment: {A: 1, B: true, C: '', d.e: x, 'F(x86)': 1.5}}"},
	{name: "environment with newlines in a value", text: `daemon: {environment: {A: "1\n2"}}`},
	{name: "environment null", text: "daemon: {environment: }"},
	{name: "environment a list", text: "daemon: {environment: [A=1]}", bad: "it is a list", fix: "{PORT: 8080"},
	{name: "value null", text: "daemon: {environment: {A: }}", bad: "daemon.environment.A: it has no value", fix: `""`},
	{name: "value a list", text: "daemon: {environment: {A: [1]}}", bad: "a list is in it"},
	{name: "value with NUL", text: `daemon: {environment: {A: "\0"}}`, bad: "NUL"},
	{name: "name with =", text: "daemon: {environment: {'A=B': 1}}", bad: "has a space, a = or a control"},
	{name: "name with newline", text: `daemon: {environment: {"A\nB": 1}}`, bad: "control character"},
	{name: "name empty", text: "daemon: {environment: {'': 1}}", bad: "has no name"},
	{name: "name of apexd", text: "daemon: {environment: {APEX_PID_FILE: x}}", bad: "set by apexd itself", fix: "pidFile"},
	{name: "name of systemd", text: "daemon: {environment: {NOTIFY_SOCKET: x}}", bad: "set by apexd itself", fix: "remove it"},

	{name: "paths", text: "daemon: {pidFile: a/b, logFile: /x/y, workingDirectory: ., environmentFile: ./~x}", bad: "cannot read environment file", blind: true},
	{name: "path with ~", text: "daemon: {pidFile: ~/x.pid}", bad: `"~" is not expanded`, fix: "whole path"},
	{name: "path empty", text: "daemon: {logFile: ''}", bad: "it is empty"},
	{name: "path a number", text: "daemon: {logFile: 5}", bad: "is not text", fix: "quotes"},
	{name: "path with NUL", text: `daemon: {logFile: "a\0"}`, bad: "NUL"},
	{name: "path null", text: "daemon: {pidFile: }", bad: "it has no value"},
	{name: "one path for two", text: "daemon: {pidFile: x, logFile: x}", bad: "daemon.logFile: the record", fix: "another", blind: true},

	{name: "poll interval", text: "daemon: {pollInterval: 5000}"},
	{name: "poll interval as text", text: "daemon: {pollInterval: 5s}"},
	{name: "poll interval negative", text: "daemon: {pollInterval: -1}", bad: "not an interval", fix: "5000"},
	{name: "poll interval true", text: "daemon: {pollInterval: true}", bad: "not an interval"},
	{name: "level", text: "daemon: {logLevel: debug}"},
	{name: "level in capitals", text: "daemon: {logLevel: INFO}", bad: `"INFO"`, fix: "did you mean info?"},
	{name: "level unknown", text: "daemon: {logLevel: loudest}", bad: `"loudest"`, fix: "one of debug, info, warn, error"},
	{name: "level a number", text: "daemon: {logLevel: 3}", bad: `"3"`, fix: "one of debug"},

	{name: "duration", text: "daemon: {stopTimeout: 1m30s, watchdog: 1d}"},
	{name: "duration without a unit", text: "daemon: {stopTimeout: 10}", bad: `daemon.stopTimeout: "10" has no unit`, fix: "write 10s"},
	{name: "duration without a unit, as text", text: "daemon: {stopTimeout: '10'}", bad: "has no unit", fix: "write 10s"},
	{name: "duration with a space", text: "daemon: {stopTimeout: 10 s}", bad: "is not a duration", fix: "without a space"},
	{name: "duration negative", text: "daemon: {stopTimeout: -10s}", bad: "is negative"},
	{name: "duration true", text: "daemon: {stopTimeout: true}", bad: "is not a duration"},
	{name: "duration too long", text: "daemon: {stopTimeout: 25h}", bad: `"25h" is more than 1d`, fix: "1ms to 1d", blind: true},
	{name: "duration far too long", text: "daemon: {watchdog: 999999999d}", bad: "too long", blind: true},
	{name: "duration 0 where it is off", text: "daemon: {watchdog: 0}"},
	{name: "duration 0 where it is not", text: "daemon: {stopTimeout: 0}", bad: "less than 1ms"},
	{name: "duration 0s where it is not", text: "daemon: {stopTimeout: 0s}", bad: "less than 1ms", blind: true},
	{name: "duration a list", text: "daemon: {stopTimeout: [10s]}", bad: "it is a list"},

	{name: "signals", text: "daemon: {stopSignal: TERM, reloadSignal: SIGHUP}"},
	{name: "signal numbers", text: "daemon: {stopSignal: 15, reloadSignal: 1}"},
	{name: "signal none", text: "daemon: {reloadSignal: none}"},
	{name: "stop signal none", text: "daemon: {stopSignal: none}", bad: "is not a signal"},
	{name: "signal KILL", text: "daemon: {stopSignal: SIGKILL}", bad: "is not a signal", fix: "--force"},
	{name: "signal number that differs", text: "daemon: {stopSignal: 10}", bad: "is not a signal", fix: "SIGTERM, SIGINT"},
	{name: "signal in small letters", text: "daemon: {stopSignal: sigterm}", bad: "is not a signal"},

	{name: "readiness short", text: "daemon: {readiness: notify}"},
	{name: "readiness short that needs more", text: "daemon: {readiness: http}", bad: "type http needs url", fix: "{type: http, url:"},
	{name: "readiness unknown", text: "daemon: {readiness: notfy}", bad: `"notfy"`, fix: "did you mean notify?"},
	{name: "readiness http", text: "daemon: {readiness: {type: http, url: 'http://x.example:8443/h?a=b', interval: 1s}}"},
	{name: "readiness tcp", text: "daemon: {readiness: {type: tcp, address: 'localhost:80'}}"},
	{name: "readiness tcp port", text: "daemon: {readiness: {type: tcp, address: 8080}}"},
	{name: "readiness tcp v6", text: "daemon: {readiness: {type: tcp, address: '[::1]:80'}}"},
	{name: "readiness log", text: `daemon: {readiness: {type: log, pattern: 'listening on \d+'}}`},
	{name: "readiness started", text: "daemon: {readiness: {type: started, settle: 0, timeout: 0}}"},
	{name: "readiness timeout alone", text: "daemon: {readiness: {timeout: 5s}}"},
	{name: "readiness empty", text: "daemon: {readiness: {}}"},
	{name: "readiness a list", text: "daemon: {readiness: [notify]}", bad: "it is a list", fix: "type, url"},
	{name: "readiness url without type", text: "daemon: {readiness: {url: 'http://x/', interval: 1s, timeout: 5s}}"},
	{name: "readiness address without type", text: "daemon: {readiness: {interval: 1s, address: 8080}}"},
	{name: "readiness pattern without type", text: "daemon: {readiness: {pattern: up}}"},
	{name: "readiness settle without type", text: "daemon: {readiness: {settle: 1s}}"},
	{name: "readiness interval without type", text: "daemon: {readiness: {interval: 1s}}", bad: "daemon.readiness.interval: it belongs to type http or tcp", fix: "write url, for type http, or address"},
	{name: "readiness of two types", text: "daemon: {readiness: {url: 'http://x/', address: 80}}", bad: "daemon.readiness.address: it belongs to type tcp, and url to type http", fix: "keep one of the two"},
	{name: "readiness of two types, one with an interval", text: "daemon: {readiness: {settle: 1s, interval: 1s}}", bad: "daemon.readiness.interval: it belongs to type http or tcp, and settle to type started"},
	{name: "readiness url of another type", text: "daemon: {readiness: {type: tcp, address: 80, url: 'http://x/'}}", bad: "it belongs to type http", fix: "remove it"},
	{name: "readiness tcp without address", text: "daemon: {readiness: {type: tcp}}", bad: "type tcp needs address"},
	{name: "readiness log without pattern", text: "daemon: {readiness: {type: log}}", bad: "type log needs pattern"},
	{name: "readiness url of another scheme", text: "daemon: {readiness: {type: http, url: 'ftp://x/'}}", bad: "not an http"},
	{name: "readiness url without host", text: "daemon: {readiness: {type: http, url: 'http:///x'}}", bad: "not an http", blind: true},
	{name: "readiness url port", text: "daemon: {readiness: {type: http, url: 'http://x:99999/'}}", bad: "not a port", blind: true},
	{name: "readiness address without port", text: "daemon: {readiness: {type: tcp, address: localhost}}", bad: "is not an address", fix: "the port alone"},
	{name: "readiness address port 0", text: "daemon: {readiness: {type: tcp, address: 0}}", bad: "is not an address"},
	{name: "readiness address port", text: "daemon: {readiness: {type: tcp, address: 'x:70000'}}", bad: "is not an address", blind: true},
	{name: "readiness pattern broken", text: "daemon: {readiness: {type: log, pattern: '(a'}}", bad: "missing closing )", fix: "regular expression", blind: true},
	{name: "readiness pattern empty", text: "daemon: {readiness: {type: log, pattern: ''}}", bad: "it is empty"},

	{name: "restart short", text: "daemon: {restart: always}"},
	{name: "restart no", text: "daemon: {restart: no}", bad: `"no"`, fix: "did you mean never?"},
	{name: "restart false", text: "daemon: {restart: false}", bad: `"false"`, fix: "did you mean never?"},
	{name: "restart on_failure", text: "daemon: {restart: on_failure}", bad: `"on_failure"`, fix: "did you mean on-failure?"},
	{name: "restart", text: "daemon: {restart: {policy: never, delay: 0, factor: 1, maxDelay: 1m, jitter: 0, limit: 0, window: 1s, resetAfter: 0}}"},
	{name: "factor below 1", text: "daemon: {restart: {factor: 0.5}}", bad: "less than 1", fix: "1 to 100"},
	{name: "factor NaN", text: "daemon: {restart: {factor: .nan}}", bad: "is not a number", blind: true},
	{name: "factor as text", text: "daemon: {restart: {factor: '2'}}", bad: "is not a number", fix: "without quotes"},
	{name: "jitter above 1", text: "daemon: {restart: {jitter: 1.1}}", bad: "more than 1"},
	{name: "limit negative", text: "daemon:\n  restart:\n    limit: -1\n", bad: "3:12: daemon.restart.limit: \"-1\" is less than 0", fix: "0 to 1000"},
	{name: "limit absurd", text: "daemon: {restart: {limit: 100000}}", bad: "more than 1000"},
	{name: "limit with a fraction", text: "daemon: {restart: {limit: 1.5}}", bad: "is not a whole number"},
	{name: "limit as text", text: "daemon: {restart: {limit: '5'}}", bad: "is not a whole number", fix: "without quotes"},
	{name: "limit in hex", text: "daemon: {restart: {limit: 0x5}}", bad: "is not a whole number", blind: true},
	{name: "limit null", text: "daemon: {restart: {limit: }}", bad: "it has no value", fix: "write 5"},
	{name: "window 0", text: "daemon: {restart: {window: 0}}", bad: "less than 1s"},
	{name: "maxDelay below delay", text: "daemon: {restart: {delay: 10s, maxDelay: 1s}}", bad: "shorter than restart.delay", blind: true},

	{name: "log", text: "daemon: {log: {format: json, maxSize: 10MB, maxAge: 0, maxFiles: 0, compress: false}}"},
	{name: "log text", text: "daemon: {log: json}", bad: "it is a single value", fix: "format, maxSize"},
	{name: "size in bytes", text: "daemon: {log: {maxSize: 1048576}}"},
	{name: "size unknown unit", text: "daemon: {log: {maxSize: 10TB}}", bad: "is not a size", fix: "10MB"},
	{name: "size with a space", text: "daemon: {log: {maxSize: 10 MB}}", bad: "is not a size"},
	{name: "size small", text: "daemon: {log: {maxSize: 5}}", bad: "less than 1KiB"},
	{name: "size small with a unit", text: "daemon: {log: {maxSize: 5b}}", bad: "less than 1KiB", blind: true},
	{name: "size negative", text: "daemon: {log: {maxSize: -5}}", bad: "is not a size"},
	{name: "compress yes", text: "daemon: {log: {compress: yes}}", bad: "neither true nor false", fix: "true or false"},
	{name: "compress as text", text: "daemon: {log: {compress: 'true'}}", bad: "neither true nor false"},
	{name: "format unknown", text: "daemon: {log: {format: xml}}", bad: `"xml"`, fix: "text, json"},

	{name: "api", text: "daemon: {api: {address: '127.0.0.1:0'}}"},
	{name: "api localhost", text: "daemon: {api: {address: 'localhost:80'}}"},
	{name: "api v6", text: "daemon: {api: {address: '[::1]:80'}}"},
	{name: "api open", text: "daemon: {api: {address: '0.0.0.0:80'}}", bad: "is open to other machines", fix: "127.0.0.1:80"},
	{name: "api port alone", text: "daemon: {api: {address: 8080}}", bad: "is not text"},
	{name: "api without host", text: "daemon: {api: {address: ':8080'}}", bad: "is not an address"},
	{name: "api v6 open", text: "daemon: {api: {address: '[::]:80'}}", bad: "is open to other machines", blind: true},
	{name: "api port", text: "daemon: {api: {address: '127.0.0.1:99999'}}", bad: "is not an address", blind: true},

	{name: "anchors and aliases", text: "x: &e {A: 1}\ny: &c [a, b]\ndaemon: {environment: *e, command: *c}"},
	{name: "merge keys", text: "x: &base {watchdog: 1s, log: {maxFiles: 1}}\ndaemon: {<<: *base, watchdog: 2s}"},
	{name: "merged list", text: "x: &a {watchdog: 1s}\ny: &b {watchdog: 2s}\ndaemon: {<<: [*a, *b]}"},
	{name: "merge of text", text: "daemon: {<<: x}", bad: "it is not a mapping", fix: "<<: *name", blind: true},
	{name: "unknown key in what is merged", text: "x: &base {wachdog: 1s}\ndaemon: {<<: *base}", bad: "1:11: daemon.wachdog", fix: "watchdog"},
	{name: "custom tag", text: "daemon: {logFile: !vault x}", bad: `the tag "!vault"`, fix: "without it", blind: true},
	{name: "binary", text: "daemon: {logFile: !!binary eA==}", bad: `the tag "!!binary"`, blind: true},
	{name: "everything", text: strings.Replace(everything, "  environmentFile: secrets/env\n", "", 1)},
}

func TestDocumentsDecoder(t *testing.T) {
	dir := testenv.TempDir(t)
	for _, c := range allDocuments() {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, dir, ".apex/config.yaml", c.text)
			_, err := Load(Input{Project: dir})
			if c.bad == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, service.CodeConfigInvalid, c.bad, c.fix)
			if err != nil && !strings.Contains(err.Error(), path+":") && !strings.Contains(err.Error(), "environment file") {
				t.Errorf("%v does not name the line", err)
			}
		})
	}
}

func TestDocumentsSchema(t *testing.T) {
	schema := compileSchema(t)
	for _, c := range append(slices.Clone(documents), socketDocuments...) {
		t.Run(c.name, func(t *testing.T) {
			var v any
			if err := yaml.Unmarshal([]byte(c.text), &v); err != nil && c.blind {
				return // there is nothing to ask the schema about
			} else if err != nil {
				v = withoutTwice(t, c.text)
			}
			err := schema.Validate(jsonValue(v))
			if good := c.bad == "" || c.blind; good != (err == nil) {
				t.Errorf("the schema says %v; the decoder %q", err, c.bad)
			}
		})
	}
}

// withoutTwice decodes what yaml refuses for doubled or list keys outside of our sections: only our sections.
func withoutTwice(t *testing.T, text string) any {
	t.Helper()
	doc, p := parse("x", []byte(text))
	if p != nil {
		t.Fatal(p)
	}
	out := map[string]any{}
	for i := 0; i < len(doc.root.Content); i += 2 {
		var v any
		name := doc.root.Content[i].Value
		if name != mainSection && name != othersSection {
			continue
		}
		if err := doc.root.Content[i+1].Decode(&v); err != nil {
			v = map[string]any{"": nil} // a key that is no text: JSON has no such thing
		}
		out[name] = v
	}
	return out
}

// jsonValue makes JSON's types of YAML's.
func jsonValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = jsonValue(x)
		}
		return out
	case map[any]any:
		out := map[string]any{}
		for k, x := range v {
			out[fmt.Sprint(k)] = jsonValue(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = jsonValue(v[i])
		}
		return out
	case time.Time:
		return v.String()
	case float64:
		if v != v {
			return json.Number("1") // JSON has no NaN
		}
	}
	return v
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	published, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	schemaFile = filepath.Join("..", "..", "docs", "config.schema.json")
	docsFile   = filepath.Join("..", "..", "docs", "config.md")
)

func TestPublishedSchema(t *testing.T) {
	if *update {
		if err := os.WriteFile(schemaFile, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(got, Schema()) {
		t.Errorf("docs/config.schema.json is not what the table gives (%v): go test ./internal/config -update", err)
	}
}

func TestPublishedKeys(t *testing.T) {
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = "keys.go -->\n", "<!-- /keys -->"
	head, rest, ok1 := strings.Cut(string(text), from)
	_, tail, ok2 := strings.Cut(rest, to)
	if !ok1 || !ok2 {
		t.Fatal("docs/config.md has lost its markers")
	}
	want := head + from + keyTable() + to + tail
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Error("the keys in docs/config.md are not those of the table: go test ./internal/config -update")
	}
}

func keyTable() string {
	var d draft
	d.defaults()
	var b strings.Builder
	b.WriteString("| key | what is written | default | variable | meaning |\n|---|---|---|---|---|\n")
	for i := range keys {
		k := &keys[i]
		def := k.def
		if def == "" && k.at != nil {
			if v := fmt.Sprint(k.show(k.at(&d))); v != "" {
				def = "`" + v + "`"
			}
		}
		name := ""
		if k.env != "" {
			name = "`" + k.env + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.path, k.written(), def, name, k.doc)
	}
	return b.String()
}

// written says what kind of value k has.
func (k *key) written() string {
	switch k.kind {
	case kindWord:
		return "`" + strings.Join(k.words, "`, `") + "`"
	case kindSignal:
		return "`SIG" + strings.ReplaceAll(strings.Join(k.words, "`, `SIG"), "SIG"+noSignal, noSignal) + "`"
	case kindDuration:
		return "duration, " + formatDuration(time.Duration(k.least)) + " to " + formatDuration(time.Duration(k.most))
	case kindSize:
		return "size, " + formatSize(k.least) + " to " + formatSize(k.most)
	case kindInteger, kindNumber:
		return fmt.Sprintf("number, %d to %d", k.least, k.most)
	case kindBool:
		return "`true`, `false`"
	case kindPath:
		return "path"
	case kindRegexp:
		return "regular expression"
	}
	return "`" + k.example() + "`"
}

// The examples of the manual are good, for decoder and schema.
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	dir, schema := testenv.TempDir(t), compileSchema(t)
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	for _, b := range blocks {
		example, _, _ := strings.Cut(b, "```")
		write(t, dir, ".apex/config.yaml", example)
		for _, name := range []string{"daemon", "web"} {
			_, err := Load(Input{Project: dir, Name: name})
			if err != nil && runtime.GOOS == "windows" && strings.Contains(err.Error(), "cannot hand sockets") {
				continue // TestSocketsElsewhere
			}
			if err != nil {
				t.Errorf("%v\n%s", err, example)
			}
		}
		var v any
		if err := errors.Join(yaml.Unmarshal([]byte(example), &v), schema.Validate(jsonValue(v))); err != nil {
			t.Errorf("%v\n%s", err, example)
		}
	}
	if len(blocks) < 2 {
		t.Error("docs/config.md has no examples")
	}
}

// What messages tell people to write is good.
func TestExamples(t *testing.T) {
	for i := range keys {
		k := &keys[i]
		if k.named() || k.kind == kindWord || k.kind == kindPath {
			continue
		}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(k.example()), &n); err != nil {
			t.Fatal(err)
		}
		d, _ := newDraft(Input{Project: "/p"})
		if f := d.value(i, n.Content[0], origin{}); f != nil {
			t.Errorf("%s: %s: %s", k.path, k.example(), f.text)
		}
		if k.doc == "" || !strings.HasSuffix(k.doc, ".") {
			t.Errorf("%s has no sentence", k.path)
		}
	}
}
