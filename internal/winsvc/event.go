package winsvc

import (
	"strings"
	"unicode/utf8"
)

// EventID is the number of a message in the Application log. Numbers stay what they are: people filter by them. Those below 50 are information, those below 100 warnings, the rest
// errors. The source's message table is that of EventCreate.exe, which every Windows has: its messages 1 to 1000 are nothing but the text that they are given.
type EventID uint32

// The events.
const (
	EventReady    EventID = 1   // the workload is ready
	EventStopped  EventID = 2   // it was asked to stop, or its work is done
	EventReload   EventID = 50  // it was told to reload, and goes on as it was
	EventFailed   EventID = 100 // the workload ended by a failure
	EventNotReady EventID = 101 // it could not be started, and somebody waited for the start
	EventConfig   EventID = 102 // the configuration is wrong: no restart helps
	EventRunning  EventID = 103 // another instance has the project: no restart helps
	EventHost     EventID = 104 // the Service Control Manager could not be spoken with
)

// Severity is how an event is marked in the Event Viewer.
type Severity int

// The severities.
const (
	Information Severity = iota
	Warning
	Failure
)

// Severity is that of the number.
func (id EventID) Severity() Severity {
	switch {
	case id < EventReload:
		return Information
	case id < EventFailed:
		return Warning
	}
	return Failure
}

// what is the event in words.
func (id EventID) what() string {
	switch id {
	case EventReady:
		return "is ready"
	case EventStopped:
		return "has stopped"
	case EventReload:
		return "was told to reload and goes on as it was"
	case EventFailed:
		return "has failed"
	case EventNotReady:
		return "could not be started"
	case EventConfig:
		return "was not started: its configuration is wrong, and it is not tried again before a start"
	case EventRunning:
		return "was not started: it runs already, outside of its service"
	case EventHost:
		return "was not started: it cannot speak with the Service Control Manager"
	}
	return "has something to say"
}

// Event is one entry of the Application log.
type Event struct {
	ID      EventID
	Daemon  string // its name
	Project string
	Detail  string // in the daemon's words, or ""
	Hint    string // what to do about it, or ""
	Log     string // the file with more of it, or ""
}

// maxEvent bounds a text: ReportEvent takes 31,839 characters.
const maxEvent = 30_000

// Text is what a person reads in the Event Viewer.
func (e Event) Text() string {
	s := "The daemon " + e.Daemon + " of " + e.Project + " " + e.ID.what() + "."
	for _, more := range []string{e.Detail, e.Hint} {
		if more != "" {
			s += "\r\n\r\n" + strings.ReplaceAll(strings.ReplaceAll(more, "\r\n", "\n"), "\n", "\r\n")
		}
	}
	if e.Log != "" {
		s += "\r\n\r\nLog: " + e.Log
	}
	return plain(s)
}

// plain is s as ReportEvent takes it and the Event Viewer shows it. A NUL would end it. "%1" would stand for another string (Microsoft, ReportEvent: "the string that you log cannot
// contain %n"), so that a space comes between.
func plain(s string) string {
	s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	var b strings.Builder
	for i, n := 0, 0; i < len(s) && n < maxEvent; n++ {
		r, size := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += size
		if r > 0xFFFF { // two of UTF-16
			n++
		}
		if r == '%' && i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '%') {
			b.WriteByte(' ')
			n++
		}
	}
	return b.String()
}
