// Package config makes a service.Spec of files, environment variables and flags. It reads, and except for Init never writes; it does not
// look for programs, and it knows nothing of what runs. One table, keys, is what decoder, messages, JSON Schema and docs/config.md are made of.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/service"
)

// Input is what a configuration is made of. Later ones win: built-in defaults, the user's file, the project's file, Env, Flags, Command.
type Input struct {
	Project    string                      // real path of the project
	Name       string                      // of the daemon; "" is service.DefaultName
	Flags      map[string]string           // by key path: "pidFile", "stopTimeout", "restart.limit"; short forms too: "restart"; paths relative to Project, as in files
	Command    []string                    // replaces the configured command
	Env        func(string) (string, bool) // os.LookupEnv, or nil for no environment; an empty value counts as none
	UserConfig string                      // path of the user's file, os.UserConfigDir()/apexd/config.yaml; "" for none
	Here       bool                        // it is to run on this machine, as this user: that it has no place to run is wrong, too
}

// Config is the result of Load.
type Config struct {
	Spec     service.Spec
	Values   []Value  // every value in force, in documented order
	Warnings []string // one line each
	Files    []string // that were read, in this order: user's, project's, environment file

	recordFrom origin // of pidFile
}

// Value is one value in force. The values of environment variables are hidden.
type Value struct {
	Key    string `json:"key"`    // "restart.limit", "environment.PORT"
	Value  any    `json:"value"`  // string, []string, int, float64 or bool; durations and sizes as they would be written
	Source string `json:"source"` // "default", "/p/.apex/config.yaml:12", "APEX_LOG_LEVEL", "--log-file", "command line"
}

const hidden = "***"

// Load reads the configuration of one daemon and checks all of it. It changes nothing. Errors: *service.Error with CONFIG_INVALID, whose cause is
// Problems where files, variables or flags say something wrong, or PERMISSION_DENIED.
func Load(in Input) (*Config, error) {
	d, err := newDraft(in)
	if err == nil {
		err = d.load()
	}
	if err != nil {
		return nil, err
	}
	d.finish()
	d.checkPlatform(haveSockets)
	d.checkDir()
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	c := &Config{Spec: d.spec, Values: d.values(), Warnings: d.warnings, Files: d.files, recordFrom: d.origins[keyIndex("pidFile")]}
	c.Spec.ConfigHash = hash(c.Values)
	return c, nil
}

// hash is a short name for values, whatever their sources. Hidden ones are hidden in it too.
func hash(values []Value) string {
	h := sha256.New()
	for _, v := range values {
		fmt.Fprintf(h, "%s=%q\n", v.Key, fmt.Sprint(v.Value))
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Fallback is as much of the configuration as can be used, whatever is wrong with the rest: what stop and kill go by when Load fails.
func Fallback(in Input) service.Spec {
	d, err := newDraft(in)
	if err == nil {
		_ = d.load() // what could be read before the error is in d
	}
	d.finish()
	return d.spec
}

// Configured are the daemons of in.Project that its file has a section for, in the order of the file, service.DefaultName first; that one alone where it has none or there is no
// file. What is wrong inside of a section is for Load to say. Errors: *service.Error with CONFIG_INVALID or PERMISSION_DENIED, of a file that cannot be read.
func Configured(in Input) ([]string, error) {
	d, err := newDraft(Input{Project: in.Project})
	if err != nil {
		return nil, err
	}
	path := project.PathsOf(in.Project, service.DefaultName).Config
	b, fi, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var doc document
	if fi != nil {
		var p *Problem
		if doc, p = parse(path, b); p != nil {
			return nil, Problems{*p}.err()
		}
	}
	main := len(d.sections(doc, service.DefaultName, false)) > 0
	names := slices.DeleteFunc(d.names, func(name string) bool { return name == service.DefaultName || service.CheckName(name) != nil })
	if main || len(names) == 0 {
		names = slices.Insert(names, 0, service.DefaultName)
	}
	return names, nil
}

// newDraft is a draft with defaults. It is never nil.
func newDraft(in Input) (*draft, error) {
	if in.Name == "" {
		in.Name = service.DefaultName
	}
	if in.Env == nil {
		in.Env = func(string) (string, bool) { return "", false }
	}
	p := project.PathsOf(in.Project, in.Name)
	d := &draft{in: in, budget: maxEntries, origins: make([]origin, len(keys))}
	d.defaults()
	d.spec.Project, d.spec.Name, d.spec.Dir = in.Project, in.Name, in.Project
	d.spec.PIDFile, d.spec.Log.Path = p.PIDFile, p.Log
	return d, service.CheckName(in.Name)
}

// load puts all layers on d.
func (d *draft) load() error {
	if err := project.CheckDir(d.in.Project); err != nil {
		return err
	}
	err := d.file(d.in.UserConfig, true)
	if e := d.file(project.PathsOf(d.in.Project, d.in.Name).Config, false); err == nil {
		err = e
	}
	d.variables()
	d.flags()
	if len(d.in.Command) > 0 {
		d.commandLine()
	}
	if err != nil || d.pathsOnly {
		return err
	}
	return d.environmentFile()
}

// file puts the sections of the file at path, if there is one, on d.
func (d *draft) file(path string, user bool) error {
	if path == "" {
		return nil
	}
	b, fi, err := readFile(path)
	if err != nil || fi == nil || d.pathsOnly && !mentionsPaths(b) {
		return err
	}
	d.files = append(d.files, path)
	if why := distrust(fi); why != "" {
		d.warn(path + " " + why + ", and says what runs as you")
	}
	doc, p := parse(path, b)
	if p != nil {
		d.problems = append(d.problems, *p)
		return nil
	}
	d.names = d.names[:0]
	found := d.sections(doc, d.in.Name, user)
	for _, s := range found {
		d.section(s)
	}
	if !user && len(found) == 0 {
		d.notFound(doc)
	}
	return nil
}

func (d *draft) warn(text string) { d.warnings = append(d.warnings, text) }

// mostNames bounds how many daemons a warning names.
const mostNames = 8

// someNames are the names in daemons.
func (d *draft) someNames() string { return strings.Join(d.names[:min(len(d.names), mostNames)], ", ") }

// notFound warns where the file seems to mean this daemon, or another one than was asked for.
func (d *draft) notFound(doc document) {
	if d.in.Name != service.DefaultName {
		text := doc.path + " has no section daemons." + d.in.Name
		if s := suggest(d.in.Name, d.names); s != "" {
			text += "; did you mean --name " + s + "?"
		} else if len(d.names) > 0 {
			text += "; it has " + d.someNames()
		}
		d.warn(text)
		return
	}
	if doc.root == nil {
		return
	}
	if len(d.names) > 0 && len(d.in.Command) == 0 {
		d.warn(doc.path + " configures " + d.someNames() + ", and no daemon without a name: that is the built-in API server. Choose one with --name " + d.names[0] + ", or start them all with --all")
	}
	for i := 0; i < len(doc.root.Content); i += 2 {
		k := doc.root.Content[i]
		if k.Value != othersSection && suggest(k.Value, []string{mainSection, othersSection}) != "" && distance(plain(k.Value), mainSection) <= 2 {
			d.warn(position(doc.path, k.Line) + ": apexd does not read the section " + quoted(k.Value) + `; did you mean "daemon"?`)
		}
	}
}

// variables puts the environment on d.
func (d *draft) variables() {
	other := forOtherDaemon(d.in.Env, d.in.Project, d.in.Name)
	for i := range keys {
		name := keys[i].env
		if name == "" || other && setForWorkload(name) {
			continue
		}
		if v, ok := d.in.Env(name); ok && v != "" {
			d.outside(i, v, name)
		}
	}
}

// flags puts the command line on d.
func (d *draft) flags() {
	used := 0
	for i := range keys {
		for _, path := range [...]string{keys[i].short, keys[i].path} {
			if v, ok := d.in.Flags[path]; ok && path != "" && !keys[i].named() {
				used++
				d.outside(i, v, flagName(path))
			}
		}
	}
	if used < len(d.in.Flags) {
		d.unknownFlags()
	}
}

func (d *draft) unknownFlags() {
	var unknown []string
	for path := range d.in.Flags {
		if i := keyIndex(path); (i < 0 || keys[i].named()) && shortIndex(path) < 0 {
			unknown = append(unknown, path)
		}
	}
	sort.Strings(unknown)
	for _, path := range unknown {
		d.problems = append(d.problems, Problem{Key: flagName(path), Text: "there is no such key", Fix: unknownFix(path)})
	}
}

// outside sets key i from text that has no types.
func (d *draft) outside(i int, text, name string) {
	if d.pathsOnly && keys[i].path != "pidFile" && keys[i].path != "logFile" {
		return
	}
	if f := d.set(i, scalar{text: text}, origin{name: name}); f != nil {
		d.problems = append(d.problems, Problem{Key: name, Text: f.text, Fix: f.fix})
	}
}

// flagName is the flag for a key path: --stop-timeout, --restart-limit.
func flagName(path string) string {
	var b strings.Builder
	b.WriteString("--")
	for _, r := range path {
		switch {
		case r == '.':
			b.WriteByte('-')
		case 'A' <= r && r <= 'Z':
			b.WriteByte('-')
			b.WriteRune(r + 'a' - 'A')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

const commandLine = "command line"

func (d *draft) commandLine() {
	if f := checkArgv(d.in.Command); f != nil {
		d.problems = append(d.problems, Problem{Key: commandLine, Text: f.text, Fix: f.fix})
		return
	}
	d.spec.Command, d.spec.FromArgs = d.in.Command, true
	d.origins[keyIndex("command")] = origin{name: commandLine}
}

// environmentFile reads the file of secrets.
func (d *draft) environmentFile() error {
	at := keyIndex("environmentFile")
	path, given := d.envFile, d.origins[at] != origin{}
	if !given {
		path = project.PathsOf(d.in.Project, d.in.Name).EnvFile
	}
	path = d.abs(path)
	b, fi, err := safefile.Read(path, maxFile)
	if !given && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	d.envFile = path
	switch {
	case err == nil && exposed(fi):
		return &service.Error{Op: "read environment file", Code: service.CodeConfigInvalid, Path: path, Err: errors.New("group or others can read or write it"), Hint: "chmod 600 " + shellword.Show(path)}
	case errors.Is(err, fs.ErrPermission):
		return &service.Error{Op: "read environment file", Code: service.CodePermissionDenied, Path: path, Err: err, Hint: "run as the user that owns it"}
	case err != nil:
		return &service.Error{Op: "read environment file", Code: service.CodeConfigInvalid, Path: path, Err: err, Hint: "make it a regular file of KEY=value lines, or change environmentFile (" + d.origins[at].String() + ")"}
	}
	vars, problems := parseEnv(path, string(b))
	d.fileVars = vars
	d.files = append(d.files, path)
	d.problems = append(d.problems, problems...)
	return nil
}

// abs is path, which may be relative to the project.
func (d *draft) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.in.Project, path)
}

// finish checks what concerns several keys, and completes the Spec.
func (d *draft) finish() {
	s := &d.spec
	s.Dir, s.PIDFile, s.Log.Path = d.abs(s.Dir), d.abs(s.PIDFile), d.abs(s.Log.Path)
	d.checkPaths()
	d.checkReadiness()
	d.checkDelay()
	d.checkSockets()
	s.Env = d.environPairs()
}

// problemAt notes that the value of the key at path is wrong together with others.
func (d *draft) problemAt(path string, f fault) {
	d.problemFrom(d.origins[keyIndex(path)], path, f)
}

// problemFrom notes that what stands at o, or path where nothing does, is wrong together with others.
func (d *draft) problemFrom(o origin, path string, f fault) {
	d.problems = append(d.problems, problemOf(o, path, f))
}

// problemOf is what is wrong with what stands at o, or path where nothing does.
func problemOf(o origin, path string, f fault) Problem {
	for _, key := range [...]string{o.key, o.name} {
		if key != "" {
			path = key
		}
	}
	return Problem{File: o.file, Line: o.line, Column: o.column, Key: path, Text: f.text, Fix: f.fix}
}

func (d *draft) checkPaths() {
	config := project.PathsOf(d.in.Project, d.in.Name).Config
	pid, log := d.spec.PIDFile, d.spec.Log.Path
	for _, p := range [...]struct{ key, path string }{{"pidFile", pid}, {"logFile", log}} {
		if p.path == config {
			d.problemAt(p.key, fault{"it is the configuration, which would be overwritten", "write another path"})
		}
	}
	if log == pid || log == pid+".lock" {
		d.problemAt("logFile", fault{"the record or its lock has the same path", "write another path"})
	}
}

// checkDir: the system says of a directory that is missing that the program is.
func (d *draft) checkDir() {
	if !d.in.Here || len(d.spec.Command) == 0 {
		return
	}
	err := project.Searchable(d.spec.Dir)
	if err == nil {
		return
	}
	fix := "make the directory, or write another path"
	if errors.Is(err, fs.ErrPermission) {
		fix = "let the daemon's user enter it, or write another path"
	}
	d.problemAt("workingDirectory", fault{"the command cannot run in " + strconv.Quote(d.spec.Dir) + ": " + err.Error(), fix})
}

func (d *draft) checkReadiness() {
	for i := range keys {
		if k := &keys[i]; k.need && contains(k.only, string(d.spec.Readiness.Kind)) && d.origins[i] == (origin{}) {
			name := strings.TrimPrefix(k.path, "readiness.")
			d.problemAt("readiness.type", fault{"type " + k.only[0] + " needs " + name, "write readiness: {type: " + k.only[0] + ", " + name + ": " + k.example() + "}"})
		}
	}
}

// checkDelay lets the greatest delay follow the first one, unless both were written.
func (d *draft) checkDelay() {
	r := &d.spec.Restart
	if r.Max == 0 || r.Delay <= r.Max {
		return
	}
	if d.origins[keyIndex("restart.maxDelay")] != (origin{}) {
		d.problemAt("restart.maxDelay", fault{"it is shorter than restart.delay, " + formatDuration(r.Delay), "write " + formatDuration(r.Delay) + " or more"})
		return
	}
	r.Max = r.Delay
}

// environPairs is Spec.Env.
func (d *draft) environPairs() []string {
	var env []string
	for _, v := range d.fileVars {
		env = append(env, v.name+"="+v.value)
	}
	for _, v := range sorted(d.environment) {
		env = append(env, v.name+"="+v.value)
	}
	if d.pollInterval != "" {
		env = append(env, "APEX_POLL_INTERVAL="+d.pollInterval)
	}
	if d.origins[keyIndex("logLevel")] != (origin{}) {
		env = append(env, "APEX_LOG_LEVEL="+d.spec.Log.Level)
	}
	return env
}

// sorted returns vars by name, the last of each.
func sorted(vars []envVar) []envVar {
	last := make(map[string]int, len(vars))
	for i, v := range vars {
		last[v.name] = i
	}
	var out []envVar
	for i, v := range vars {
		if last[v.name] == i {
			out = append(out, v)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// values is Config.Values.
func (d *draft) values() []Value {
	out := make([]Value, 0, len(keys)+len(d.environment)+len(d.fileVars))
	for i := range keys {
		switch keys[i].kind {
		case kindEnvironment:
			for _, v := range sorted(append(append([]envVar{}, d.fileVars...), d.environment...)) {
				out = append(out, Value{"environment." + v.name, hidden, v.from.String()})
			}
		case kindSockets:
			out = append(out, d.socketValues()...)
		default:
			out = append(out, Value{keys[i].path, keys[i].show(keys[i].at(d)), d.origins[i].String()})
		}
	}
	return out
}
