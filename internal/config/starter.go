package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/internal/dquote"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// Starter is what the section that Init writes says. The zero value is the built-in API server.
type Starter struct {
	Command []string
	Ready   Readiness // the zero value: it runs
}

// Init writes the section of the daemon called name, daemon or one of daemons, with comments into the project's .apex/config.yaml, which it makes if need be. A file
// that is there keeps every byte, the section is added at its end; one that has such a section is left alone. After an error nothing has changed, but that .apex may have been
// made. Errors: *service.Error with CONFIG_INVALID (also fs.ErrExist when there is a section), PERMISSION_DENIED.
func Init(projectDir, name string, st Starter) error {
	if err := project.CheckDir(projectDir); err != nil {
		return err
	}
	p := project.PathsOf(projectDir, name)
	entries, err := st.entries(name)
	if err != nil {
		return initError(p.Config, err, "write the command into the file by hand")
	}
	b, fi, err := readFile(p.Config)
	switch {
	case err != nil:
		return err
	case fi == nil:
		return create(p, starterHead+newSection(name, entries))
	}
	added, err := addition(p.Config, b, name, entries)
	if errors.Is(err, errNotAtEnd) && name != service.DefaultName {
		return initError(p.Config, err, "put this where it belongs:\n"+newSection(name, entries))
	}
	if err != nil {
		return initError(p.Config, err, "edit it; `apexd config` shows what is in force")
	}
	return appendTo(p.Config, int64(len(b)), added)
}

func initError(path string, err error, hint string) error {
	e := &service.Error{Op: "write configuration", Code: service.CodeConfigInvalid, Path: path, Err: err, Hint: hint}
	if errors.Is(err, fs.ErrPermission) {
		e.Code, e.Hint = service.CodePermissionDenied, "run as the user that owns the project"
	}
	return e
}

// create makes the file with all of its text at once, or not at all: another Init must not see it empty and add to it.
func create(p project.Paths, text string) error {
	if err := safefile.MkdirAll(p.Dir, 0o755); err != nil {
		return initError(p.Config, err, "")
	}
	file := filepath.Join(p.Dir, ".config.yaml."+strconv.FormatUint(rand.Uint64(), 36)+".tmp")
	defer safefile.Remove(file) // what is left is a file that nobody reads
	err := writeNew(file, text)
	if err == nil {
		err = moveNew(file, p.Config)
	}
	if errors.Is(err, fs.ErrExist) {
		return initError(p.Config, err, "it was made meanwhile; look at it, or try again")
	}
	if err != nil {
		return initError(p.Config, err, "")
	}
	return nil
}

func writeNew(path, text string) error {
	f, err := safefile.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// moveNew gives the file from the name to, which must be free. link(2) sees to that; a file system that has no hard links leaves an instant
// between looking and renaming.
func moveNew(from, to string) error {
	err := safefile.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist
	}
	return safefile.Rename(from, to)
}

// appendTo adds text to the file in place, which keeps its owner, mode and attributes. It must still have size bytes.
func appendTo(path string, size int64, text []byte) error {
	f, err := safefile.Open(path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, safefile.ErrUnsafe) {
		return initError(path, err, "edit the file that it stands for yourself")
	}
	if err != nil {
		return initError(path, err, "")
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || fi.Size() != size {
		return initError(path, errors.Join(errors.New("it changed meanwhile"), err), "try again")
	}
	if _, err := f.Write(text); err != nil {
		return initError(path, errors.Join(err, f.Truncate(size)), "")
	}
	if fi, err := f.Stat(); err != nil || fi.Size() != size+int64(len(text)) { // two at once cannot be kept apart, but they can be told
		return initError(path, errors.Join(errors.New("somebody else wrote to it at the same time"), err), "look at its end")
	}
	return nil
}

var (
	errHasSection = fmt.Errorf("it has a section for the daemon already (%w)", fs.ErrExist)
	errNotAtEnd   = errors.New("a section cannot be added at its end without changing what is there")
)

// addition returns what to append to the file's content old so that it gains a section of entries for the daemon called name and nothing else changes.
func addition(path string, old []byte, name, entries string) ([]byte, error) {
	before, p := parse(path, old)
	if p != nil {
		return nil, p
	}
	d := draft{budget: maxEntries}
	if found := d.sections(before, name, false); len(found) > 0 {
		return nil, errHasSection
	}
	var others *yaml.Node
	if before.root != nil && name != service.DefaultName {
		others = d.top(before, othersSection)
	}
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	newline := "\n"
	if bytes.Contains(old, []byte("\r\n")) {
		newline = "\r\n"
	}
	end := ""
	if len(old) > 0 && old[len(old)-1] != '\n' {
		end = newline
	}
	section := newSection(name, entries)
	switch {
	case others == nil:
	case len(others.Content) > 0:
		section = namedSection(name, entries, others.Content[0].Column-1)
	default: // "daemons:", and nothing in it
		section = namedSection(name, entries, indent)
	}
	for _, gap := range []string{newline, ""} { // an empty line would belong to a block scalar that ends with |+
		added := []byte(end + gap + strings.ReplaceAll(section, "\n", newline))
		if after, p := parse(path, append(old[:len(old):len(old)], added...)); p == nil && gained(before.root, after.root, name) {
			return added, nil
		}
	}
	return nil, errNotAtEnd
}

// gained reports whether after is before and a section for the daemon called name.
func gained(before, after *yaml.Node, name string) bool {
	if name == service.DefaultName {
		return more(before, after, mainSection)
	}
	if more(before, after, othersSection) {
		return more(nil, after.Content[len(after.Content)-1], name)
	}
	if before == nil || after == nil || len(after.Content) != len(before.Content) {
		return false
	}
	found := false
	for i, old := range before.Content {
		if i%2 == 1 && before.Content[i-1].Value == othersSection && !found && more(old, after.Content[i], name) {
			found = true
		} else if !same(old, after.Content[i]) {
			return false
		}
	}
	return found
}

// more reports whether after is before and a mapping called key at its end. A before that is nil or null is an empty mapping.
func more(before, after *yaml.Node, key string) bool {
	var old []*yaml.Node
	if before != nil {
		old = before.Content
	}
	if after == nil || after.Kind != yaml.MappingNode || len(after.Content) != len(old)+2 || after.Content[len(old)].Value != key {
		return false
	}
	for i := range old {
		if !same(old[i], after.Content[i]) {
			return false
		}
	}
	return after.Content[len(old)+1].Kind == yaml.MappingNode
}

func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !same(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

const starterHead = `# Configuration of this project. apexd reads the sections daemon and daemons; others are not its own.
# All keys: docs/config.md of apexd, or ` + "`apexd config schema`" + `. Check: ` + "`apexd config check`" + `.

`

// indent is how far a section's entries are set in.
const indent = 2

// newSection is the text of a section for the daemon called name where there is none for daemons.
func newSection(name, entries string) string {
	if name == service.DefaultName {
		return mainSection + ":\n" + setIn(entries, indent)
	}
	return othersSection + ":\n" + namedSection(name, entries, indent)
}

// namedSection is the text of a section among daemons whose names are set in by so many columns.
func namedSection(name, entries string, by int) string {
	key := name
	if n := (yaml.Node{}); yaml.Unmarshal([]byte(name), &n) != nil || len(n.Content) != 1 || n.Content[0].Tag != "!!str" { // 1, true, null
		key = dquote.YAML(name)
	}
	return setIn(key+":\n", by) + setIn(entries, by+indent)
}

// setIn puts columns before each line of text.
func setIn(text string, columns int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", columns) + line)
	}
	return b.String()
}

// entries is the text of the section of the daemon called name without what it belongs to.
func (st Starter) entries(name string) (string, error) {
	command := "# command: [node, server.js]    # none: the built-in API server\n"
	if len(st.Command) > 0 {
		if f := checkArgv(st.Command); f != nil {
			return "", errors.New(f.text)
		}
		words := make([]string, len(st.Command))
		for i, w := range st.Command {
			if !utf8.ValidString(w) {
				return "", errors.New("the command is not text (UTF-8)")
			}
			words[i] = dquote.YAML(w)
		}
		command = "command: [" + strings.Join(words, ", ") + "]\n"
	}
	ready := "# readiness: {type: http, url: \"http://127.0.0.1:8080/health\"}\n"
	if st.Ready != (Readiness{}) {
		ready = "readiness: " + st.Ready.yaml() + "\n"
	}
	environment := "# environment: {PORT: 8080}       # secrets: KEY=value lines in " + project.DirName + "/" + name + ".env, mode 0600\n"
	return command + environment + ready + starterEnd, nil
}

const starterEnd = `restart: on-failure               # or never, always
stopTimeout: 10s                  # then the process tree is killed
`

// Readiness is what a word on the command line says about it.
type Readiness struct {
	kind, entry, value string // entry: the key that goes with the type, "" for none
}

// ParseReadiness reads "notify", "http://HOST:PORT/PATH", "HOST:PORT", "PORT", or "/REGEXP/" for a line of output. Its error says what is wrong with
// word.
func ParseReadiness(word string) (Readiness, error) {
	r := Readiness{"tcp", "address", word}
	switch pattern := strings.TrimPrefix(word, "/"); {
	case word == "notify":
		return Readiness{kind: word}, nil
	case strings.Contains(word, "://"):
		r.kind, r.entry = "http", "url"
	case len(pattern) != len(word):
		if !strings.HasSuffix(pattern, "/") {
			return Readiness{}, errors.New(quoted(word) + " has no slash at its end")
		}
		r = Readiness{"log", "pattern", strings.TrimSuffix(pattern, "/")}
	}
	k := readinessKey(r.entry)
	if !utf8.ValidString(word) {
		return Readiness{}, errors.New("it is not text (UTF-8)")
	}
	if _, f := k.parse(scalar{text: r.value}); f != nil {
		return Readiness{}, errors.New(f.text)
	}
	return r, nil
}

func (r Readiness) yaml() string {
	if r.entry == "" {
		return r.kind
	}
	return "{type: " + r.kind + ", " + r.entry + ": " + dquote.YAML(r.value) + "}"
}
