package config

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/service"
)

// origin is where a value comes from. The zero value is the default.
type origin struct {
	file         string
	line, column int
	name         string // of a flag or environment variable, where file is ""
	key          string // as messages name it, where file is not ""
}

// String is the Source of a Value.
func (o origin) String() string {
	switch {
	case o.file != "":
		return position(o.file, o.line)
	case o.name != "":
		return o.name
	}
	return "default"
}

// draft is a configuration while its layers are put on each other.
type draft struct {
	in      Input
	spec    service.Spec
	origins []origin // by index of keys

	pollInterval string
	envFile      string
	environment  []envVar       // of environment, in the order read, later ones win
	sockets      []socket       // of the highest layer that has any, in the order read
	socket       service.Socket // the one that is being read
	fileVars     []envVar       // of the environment file

	names     []string // in daemons, of all files read
	problems  Problems
	warnings  []string
	files     []string
	budget    int  // entries of mappings that may still be read: aliases can make many of few
	tooMany   bool // it is spent
	pathsOnly bool // look at pidFile and logFile, and at nothing else
}

const (
	maxEntries = 20000
	maxKey     = 200 // bytes of a key in a message
	maxMerges  = 20  // of "<<" within each other; an alias can contain itself
)

// add notes what is wrong at n.
func (d *draft) add(file string, n *yaml.Node, key string, f fault) {
	if len(key) > maxKey {
		key = key[:maxKey] + "…"
	}
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, Problem{File: file, Line: n.Line, Column: n.Column, Key: key, Text: f.text, Fix: f.fix})
	}
}

// pair is one entry of a mapping.
type pair struct {
	name       string
	key, value *yaml.Node
}

// pairs returns the entries of the mapping n, which is at the key path at: its own, then those of its merge keys ("<<") that it does not have itself.
func (d *draft) pairs(file, at string, n *yaml.Node) []pair {
	seen := make(map[string]bool, len(n.Content)/2)
	return d.collect(nil, file, at, n, seen, 0)
}

func (d *draft) collect(out []pair, file, at string, n *yaml.Node, seen map[string]bool, depth int) []pair {
	if d.tooMany {
		return out
	}
	if d.budget -= len(n.Content) / 2; d.budget < 0 || depth > maxMerges {
		d.tooMany = true
		d.add(file, n, at, fault{"there are too many entries, or merge keys within each other", "make it smaller, or write it out"})
		return out
	}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := target(n.Content[i]), target(n.Content[i+1])
		switch {
		case k.Kind != yaml.ScalarNode || isNull(k):
			d.add(file, n.Content[i], at, fault{"a key here is not text", "write NAME: value"})
		case k.ShortTag() == "!!merge":
			merges = append(merges, v)
		case !seen[k.Value]:
			seen[k.Value] = true
			out = append(out, pair{k.Value, k, v})
		case depth == 0:
			d.add(file, k, at+"."+k.Value, fault{"it is there twice", "keep one of the two"})
		}
	}
	for _, m := range merges {
		out = d.merge(out, file, at, m, seen, depth+1)
	}
	return out
}

// merge adds the entries of the value of a "<<": a mapping, or a list of them (yaml.org/type/merge.html).
func (d *draft) merge(out []pair, file, at string, n *yaml.Node, seen map[string]bool, depth int) []pair {
	from := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		from = n.Content
	}
	for _, m := range from {
		if m = target(m); m.Kind != yaml.MappingNode {
			d.add(file, m, at+".<<", fault{"it is not a mapping", "write <<: *name, where &name marks a mapping"})
			return out
		}
		out = d.collect(out, file, at, m, seen, depth)
	}
	return out
}

// section puts s on top of what d has.
func (d *draft) section(s section) {
	if isNull(s.node) {
		return
	}
	if s.node.Kind != yaml.MappingNode {
		d.add(s.file, s.node, s.path, fault{"it is not a mapping", "write keys below it, such as command: [node, server.js]"})
		return
	}
	for _, p := range d.pairs(s.file, s.path, s.node) {
		d.entry(s, p.name, p)
	}
}

// entry decodes one entry; path is its key path within the section.
func (d *draft) entry(s section, path string, p pair) {
	at := s.path + "." + path
	i := keyIndex(path)
	isPath := path == "pidFile" || path == "logFile"
	isSockets := i >= 0 && keys[i].kind == kindSockets
	switch {
	case d.pathsOnly && !isPath:
	case s.shared && isPath:
		d.add(s.file, p.key, at, fault{"every daemon would share this file", "set it below daemons: {NAME: …}, or in the project's .apex/config.yaml"})
	case s.shared && isSockets:
		d.add(s.file, p.key, at, fault{"every daemon would listen there", "set it below daemons: {NAME: …}, or in the project's .apex/config.yaml"})
	case isSockets:
		d.readSockets(s, at, p.value)
	case i >= 0 && keys[i].kind == kindEnvironment:
		d.environ(s, at, p.value)
	case i >= 0:
		if f := d.value(i, p.value, s.origin(p.value, at)); f != nil {
			d.add(s.file, p.value, at, *f)
		}
	case isGroup(path):
		d.group(s, path, p.value)
	default:
		d.add(s.file, p.key, at, fault{"there is no such key", unknownFix(path)})
	}
}

// value sets key i from a node.
func (d *draft) value(i int, n *yaml.Node, from origin) *fault {
	k := &keys[i]
	switch {
	case n.Kind == yaml.ScalarNode:
		s, f := scalarOf(n)
		if f != nil {
			return f
		}
		return d.set(i, s, from)
	case n.Kind != yaml.SequenceNode || k.kind != kindCommand:
		return &fault{"it is a " + nodeKind(n), "write " + k.example()}
	}
	argv := make([]string, 0, len(n.Content))
	for _, c := range n.Content {
		s, f := word(target(c))
		if f != nil {
			return f
		}
		argv = append(argv, s)
	}
	f := checkArgv(argv)
	if f == nil {
		d.spec.Command, d.origins[i] = argv, from
	}
	return f
}

// set gives key i the value s. One that is wrong counts as given, so that it is not called missing too.
func (d *draft) set(i int, s scalar, from origin) *fault {
	d.origins[i] = from
	v, f := keys[i].parse(s)
	if f == nil {
		store(keys[i].at(d), v)
	}
	return f
}

// scalarOf returns the text of n as it is written, and its type.
func scalarOf(n *yaml.Node) (scalar, *fault) {
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null":
		return scalar{n.Value, tag}, nil
	case "!!timestamp":
		return scalar{n.Value, "!!str"}, nil
	case "!!merge": // "<<" as a value
		return scalar{n.Value, "!!str"}, nil
	default:
		return scalar{}, &fault{"the tag " + quoted(tag) + " means nothing here", "write the value without it"}
	}
}

// word is the text of a scalar that must have one.
func word(n *yaml.Node) (string, *fault) {
	if n.Kind != yaml.ScalarNode {
		return "", &fault{"a " + nodeKind(n) + " is in it", "write text or numbers only"}
	}
	s, f := scalarOf(n)
	if f == nil && s.tag == "!!null" {
		f = &fault{"it has no value", `write "" for an empty one`}
	}
	return s.text, f
}

func nodeKind(n *yaml.Node) string {
	if n.Kind == yaml.SequenceNode {
		return "list"
	}
	if n.Kind == yaml.MappingNode {
		return "mapping"
	}
	return "single value"
}

// environ decodes the mapping environment.
func (d *draft) environ(s section, at string, n *yaml.Node) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.add(s.file, n, at, fault{"it is a " + nodeKind(n), "write environment: {PORT: 8080, DEBUG: true}"})
		return
	}
	for _, p := range d.pairs(s.file, at, n) {
		text, f := word(p.value)
		at := at + "." + p.name
		if f != nil {
			d.add(s.file, p.value, at, *f)
			continue
		}
		if f := checkEnv(p.name, text); f != nil {
			d.add(s.file, p.key, at, *f)
			continue
		}
		d.environment = append(d.environment, envVar{p.name, text, s.origin(p.value, at)})
	}
}

// group decodes the mapping called name, or the scalar that is its short form.
func (d *draft) group(s section, name string, n *yaml.Node) {
	at := s.path + "." + name
	short := shortIndex(name)
	switch {
	case n.Kind == yaml.MappingNode:
		entries := d.pairs(s.file, at, n)
		if name == "readiness" {
			d.readiness(s, at, entries)
		}
		for _, p := range entries {
			d.entry(s, name+"."+p.name, p)
		}
	case isNull(n):
	case n.Kind == yaml.ScalarNode && short >= 0:
		if name == "readiness" {
			d.forgetReadiness()
		}
		if f := d.value(short, n, s.origin(n, at)); f != nil {
			d.add(s.file, n, at, *f)
		}
	default:
		d.add(s.file, n, at, fault{"it is a " + nodeKind(n), "write keys below it: " + strings.Join(names(name+"."), ", ")})
	}
}

// readiness checks that each entry belongs to the type, which is written beside it or follows from the entries. A type replaces what a lower layer said
// about another.
func (d *draft) readiness(s section, at string, entries []pair) {
	kind, by := impliedType(entries)
	if by != nil {
		d.forgetReadiness()
		if by.name != "type" {
			d.spec.Readiness.Kind = service.ReadinessKind(kind)
			d.origins[keyIndex("readiness.type")] = s.origin(by.value, at+"."+by.name)
		}
	}
	for i := range entries {
		p := &entries[i]
		k := readinessKey(p.name)
		if k == nil || contains(k.only, kind) {
			continue
		}
		f := fault{"it belongs to type " + strings.Join(k.only, " or "), "remove it, or change the type"}
		switch {
		case by == nil:
			f.fix = "write url, for type http, or address, for type tcp, beside it"
		case by.name != "type":
			f = fault{f.text + ", and " + by.name + " to type " + kind, "keep one of the two"}
		}
		d.add(s.file, p.key, at+"."+p.name, f)
	}
}

// impliedType is the value of the entry type, or without one the type that the first entry that belongs to one type alone stands for. by is that
// entry, or nil when there is none.
func impliedType(entries []pair) (kind string, by *pair) {
	for i := range entries {
		p := &entries[i]
		if p.name == "type" {
			return p.value.Value, p
		}
		if k := readinessKey(p.name); by == nil && k != nil && len(k.only) == 1 {
			kind, by = k.only[0], p
		}
	}
	return kind, by
}

// readinessKey is the key of readiness called name, if it belongs to some types only, or nil.
func readinessKey(name string) *key {
	i := keyIndex("readiness." + name)
	if i < 0 || keys[i].only == nil {
		return nil
	}
	return &keys[i]
}

func (d *draft) forgetReadiness() {
	timeout := d.spec.Readiness.Timeout
	d.spec.Readiness = defaultReadiness()
	d.spec.Readiness.Timeout = timeout
	for i := range keys {
		if keys[i].only != nil {
			d.origins[i] = origin{}
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// names lists what may stand below prefix, which is "" or ends with a dot.
func names(prefix string) []string {
	var out []string
	for i := range keys {
		rest, ok := strings.CutPrefix(keys[i].path, prefix)
		if !ok {
			continue
		}
		if rest, _, _ = strings.Cut(rest, "."); len(out) == 0 || out[len(out)-1] != rest {
			out = append(out, rest)
		}
	}
	return out
}

// unknownFix is what to write in place of the key at path.
func unknownFix(path string) string {
	dot := strings.LastIndexByte(path, '.') + 1
	prefix, name := path[:dot], path[dot:]
	here := names(prefix)
	if s := suggest(name, here); s != "" {
		return "did you mean " + prefix + s + "?"
	}
	for i := range keys {
		if p := keys[i].path; plain(p[strings.LastIndexByte(p, '.')+1:]) == plain(name) {
			return "did you mean " + p + "?"
		}
	}
	if prefix == "" {
		prefix = "a daemon has "
	} else {
		prefix = strings.TrimSuffix(prefix, ".") + " has "
	}
	return prefix + strings.Join(here, ", ")
}
