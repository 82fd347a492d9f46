package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/logfile"
)

// say prints a line of the conversation, unless --quiet or --json.
func (a *app) say(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintln(a.out, logfile.Sanitize(fmt.Sprintf(format, args...)))
	}
}

// warn prints what a person should know to standard error.
func (a *app) warn(text string) {
	if !a.quiet {
		fmt.Fprintln(a.err, a.speaker()+"warning: "+logfile.Sanitize(text))
	}
}

// printJSON prints v, or keeps it where it is one of several answers. Its strings may be a stranger's, and it may be printed to a terminal.
func (a *app) printJSON(v any) error {
	if a.answers != nil {
		return a.collect(v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.out.Write(logfile.SanitizeJSON(b.Bytes()))
	return err
}

// row prints one row of a table. What stands in a cell may be a stranger's.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		cells[i] = logfile.SanitizeLine(fmt.Sprint(c))
	}
	fmt.Fprintf(w, strings.Repeat("%s\t", len(cells)-1)+"%s\n", cells...)
}

// answer prints v as JSON where that was asked for, else the line.
func (a *app) answer(v any, format string, args ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	a.say(format, args...)
	return nil
}

func quote(s string) string { return strconv.Quote(s) }

// ago is a duration as people say it: "3 s", "12 min", "2 h 5 min", "3 d 4 h".
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
