package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/service"
)

const maxFile = 1 << 20 // bytes of a configuration file

// readFile returns the content of the configuration file at path, nil when there is none, and its FileInfo.
//
// A symbolic link is followed, since dotfile managers and Kubernetes link configurations. A link that came with a clone gains nothing by that: what
// it leads to is read as the caller, must be a regular file, is never written (see Init), and messages quote only our own sections of
// it. That the target belongs to somebody else is a warning (see distrust). What it is is looked at before it is opened, because opening some devices
// has effects (watchdog(4)).
func readFile(path string) ([]byte, fs.FileInfo, error) {
	f, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) && !dangling(path) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	defer f.Close()
	b, fi, err := readRegular(f)
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	return b, fi, nil
}

func readRegular(f *os.File) ([]byte, fs.FileInfo, error) {
	fi, err := f.Stat()
	if err == nil {
		err = checkRegular(fi)
	}
	if err != nil {
		return nil, nil, err
	}
	b := make([]byte, fi.Size()+1)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	if n == len(b) {
		return nil, nil, errors.New("it changed while it was read")
	}
	return b[:n], fi, nil
}

func checkRegular(fi fs.FileInfo) error {
	switch {
	case fi.IsDir():
		return errors.New("it is a directory")
	case !fi.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case fi.Size() > maxFile:
		return fmt.Errorf("it has %d bytes, more than the %d allowed", fi.Size(), maxFile)
	}
	return nil
}

func dangling(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func fileError(path string, err error) error {
	e := &service.Error{Op: "read configuration", Code: service.CodeConfigInvalid, Path: path, Err: err, Hint: "put a YAML file of at most 1 MiB there, or nothing"}
	if errors.Is(err, fs.ErrPermission) {
		e.Code, e.Hint = service.CodePermissionDenied, "run as the user that owns it, or make it readable"
	}
	return e
}

// document is a parsed file.
type document struct {
	path string
	root *yaml.Node // the top-level mapping, or nil where the file holds nothing
}

// parse reads the one YAML document in b. A BOM and CRLF are fine.
func parse(path string, b []byte) (doc document, p *Problem) {
	doc.path = path
	defer parserPanic(path, &p)
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var n yaml.Node
	err := dec.Decode(&n)
	if errors.Is(err, io.EOF) {
		return doc, nil
	}
	if err != nil {
		return doc, syntaxProblem(path, err)
	}
	var next yaml.Node
	switch err := dec.Decode(&next); {
	case err == nil:
		return doc, &Problem{File: path, Line: next.Line, Text: "a second YAML document begins here", Fix: "keep one document in the file"}
	case !errors.Is(err, io.EOF):
		return doc, syntaxProblem(path, err)
	}
	top := target(n.Content[0])
	switch {
	case top.Kind == yaml.MappingNode:
		doc.root = top
	case !isNull(top):
		return doc, &Problem{File: path, Line: top.Line, Column: top.Column, Text: "the file is not a mapping", Fix: "write keys at the top level, such as daemon:"}
	}
	return doc, nil
}

// parserPanic makes a Problem of a panic of the YAML parser, which has a history of them (go-yaml/yaml issues 560, 615, 1050): a file must
// not take status down. None is known in v3.0.6.
func parserPanic(path string, p **Problem) {
	if r := recover(); r != nil {
		*p = &Problem{File: path, Text: fmt.Sprintf("the YAML parser fails on it: %v", r), Fix: "write it more simply; comments in unusual places are the likely cause"}
	}
}

// syntaxProblem turns "yaml: line 3: did not find expected key" into a Problem at line 3.
func syntaxProblem(path string, err error) *Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := &Problem{File: path, Text: "it is not valid YAML: " + text, Fix: "check indentation, quotes and brackets on the line named and the one before"}
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, rest, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(number); err == nil {
				p.Line, p.Text = line, "it is not valid YAML: "+rest
			}
		}
	}
	if strings.Contains(text, "cannot start any token") {
		p.Fix = "indent with spaces, not tabs, and quote values that begin with @, ` or %"
	}
	return p
}

// target is what n stands for: itself, or the node that an alias names.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// section is the mapping of one daemon in one file.
type section struct {
	file   string
	path   string // "daemon", "daemons.web"
	node   *yaml.Node
	shared bool // it holds for every daemon: "daemon" of the user's file
}

// origin is that of the value n of the key at.
func (s section) origin(n *yaml.Node, at string) origin {
	return origin{file: s.file, line: n.Line, column: n.Column, key: at}
}

const (
	mainSection   = "daemon"
	othersSection = "daemons"
)

// sections returns the sections of doc that apply to the daemon called name, least important first, and checks what surrounds them.
func (d *draft) sections(doc document, name string, user bool) []section {
	var found []section
	if doc.root == nil {
		return nil
	}
	main := d.top(doc, mainSection)
	if main != nil && (user || name == service.DefaultName) {
		found = append(found, section{file: doc.path, path: mainSection, node: main, shared: user})
	}
	others := d.top(doc, othersSection)
	if others == nil || isNull(others) {
		return found
	}
	if others.Kind != yaml.MappingNode {
		d.add(doc.path, others, othersSection, fault{"it is not a mapping", "write daemons: {web: {command: …}}"})
		return found
	}
	for _, p := range d.pairs(doc.path, othersSection, others) {
		at := othersSection + "." + p.name
		switch {
		case service.CheckName(p.name) != nil:
			d.add(doc.path, p.key, othersSection, fault{quoted(p.name) + " cannot name a daemon", "use 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"})
		case p.name == service.DefaultName && main != nil && !user:
			d.add(doc.path, p.key, at, fault{"this daemon has the section daemon already", "keep one of the two"})
		case p.name == name:
			found = append(found, section{file: doc.path, path: at, node: p.value})
		}
		d.names = append(d.names, p.name)
	}
	return found
}

// top returns the value of a top-level key of ours, or nil. Keys of others may be anything, twice too.
func (d *draft) top(doc document, name string) *yaml.Node {
	var value *yaml.Node
	for i := 0; i+1 < len(doc.root.Content); i += 2 {
		k := target(doc.root.Content[i])
		if k.Kind != yaml.ScalarNode || k.Value != name {
			continue
		}
		if value != nil {
			d.add(doc.path, k, name, fault{"it is there twice", "merge the two"})
			continue
		}
		value = target(doc.root.Content[i+1])
	}
	return value
}
