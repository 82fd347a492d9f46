package config

import (
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	File   string // "" where a flag or an environment variable is wrong
	Line   int    // from 1; 0 is the file as a whole
	Column int    // from 1, in characters; 0 is the whole line
	Key    string // "daemon.restart.limit", "APEX_LOG_LEVEL", "--log-file", or ""
	Text   string // what is wrong
	Fix    string // what to write
}

// Error returns "FILE:LINE:COLUMN: KEY: TEXT", without the parts that are not known.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(position(p.File, p.Line))
		if p.Column > 0 {
			b.WriteString(":" + strconv.Itoa(p.Column))
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

func position(file string, line int) string {
	if line == 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line)
}

// Problems are all that is wrong with the configuration, in the order in which it is read.
type Problems []Problem

// Error is the problem, or a list of them with what to write, one a line.
func (ps Problems) Error() string {
	if len(ps) == 1 {
		return ps[0].Error()
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(len(ps)) + " problems:")
	for _, p := range ps {
		b.WriteString("\n  " + p.Error())
		if p.Fix != "" {
			b.WriteString("; " + p.Fix)
		}
	}
	return b.String()
}

// Unwrap returns the single problems, for errors.As.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// maxProblems bounds a report; more of them are the same mistake again.
const maxProblems = 50

// err returns ps as an error, or nil where there is none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	hint := ps[0].Fix
	if len(ps) > 1 {
		hint = "each line above says what to write; `apexd config check` looks again"
	}
	return &service.Error{Op: "read configuration", Code: service.CodeConfigInvalid, Path: ps[0].File, Hint: hint, Err: ps}
}

// fault is what is wrong with one value, wherever it stands.
type fault struct{ text, fix string }

// quoted is s in quotes, shortened: a value that is wrong may be anything.
func quoted(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
