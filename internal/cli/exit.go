package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/service"
)

// Exit statuses of every command but status, whose own are in service.
const (
	exitDone           = 0
	exitFailed         = 1
	exitUsage          = 2
	exitNotReady       = 5  // of status --ready alone
	exitAgain          = 75 // EX_TEMPFAIL: to launchd, of a workload that has ended well and is to be started again
	exitNoPermission   = 77 // EX_NOPERM of sysexits.h
	exitConfig         = 78 // EX_CONFIG: no manager should try again before the configuration was changed
	exitAlreadyRunning = 79 // nor while another instance runs
)

// statusError carries an exit status that has been explained already.
type statusError int

func (e statusError) Error() string { return "exit status " + strconv.Itoa(int(e)) }

// usage is wrong usage.
type usage struct{ text, hint string }

func (u *usage) Error() string { return u.text }

func usageError(text, hint string) error {
	if hint == "" {
		hint = `see "apexd --help"`
	}
	return &usage{text, hint}
}

// exit prints err and returns the status that it means.
func (a *app) exit(err error) int {
	var (
		status statusError
		wrong  *usage
		ended  *supervise.ExitError
		known  *service.Error
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &wrong):
		a.complain(wrong.text, wrong.hint)
		return exitUsage
	case errors.As(err, &known):
		a.explain(known, err)
		return statusOf(known)
	case errors.As(err, &ended):
		a.complain(err.Error(), "")
		return ended.Code()
	case errors.Is(err, context.Canceled):
		a.complain("interrupted", "")
		return exitFailed
	}
	a.complain(err.Error(), "")
	return exitFailed
}

// refused is err of doing op with path, or where that is a matter of rights PERMISSION_DENIED, with whom to ask.
func refused(op, path string, err error) error {
	if !errors.Is(err, fs.ErrPermission) || service.CodeOf(err) != "" {
		return err
	}
	return &service.Error{Op: op, Code: service.CodePermissionDenied, Path: path, Err: err, Hint: "run the same command as the user whom it belongs to, or with sudo"}
}

// unwritten is err of writing a document to path by way of a temporary file, whose name says nothing to anybody. Errors: PERMISSION_DENIED, GENERATION_FAILED.
func unwritten(op, path string, err error) error {
	if err == nil || service.CodeOf(err) != "" {
		return err
	}
	e := &service.Error{Op: op, Code: service.CodeGenerationFailed, Path: path, Err: err, Hint: "name a file in a directory that you can write"}
	var (
		at    *fs.PathError
		moved *os.LinkError
	)
	switch {
	case errors.As(err, &at):
		e.Err = at.Err
	case errors.As(err, &moved):
		e.Err = moved.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		e.Code = service.CodePermissionDenied
	}
	return e
}

// codeOf is the exit status for an error of the daemon.
func codeOf(err error) int {
	var (
		ended *supervise.ExitError
		known *service.Error
	)
	switch {
	case errors.As(err, &known):
		return statusOf(known)
	case errors.As(err, &ended):
		return ended.Code()
	}
	return exitFailed
}

func statusOf(e *service.Error) int {
	switch e.Code {
	case service.CodeAlreadyRunning:
		return exitAlreadyRunning
	case service.CodeConfigInvalid:
		return exitConfig
	case service.CodePermissionDenied:
		return exitNoPermission
	}
	return exitFailed
}

// explain prints an error for people, or as the answer where JSON was asked for.
func (a *app) explain(e *service.Error, err error) {
	if a.json {
		told := *e
		told.Hint = a.addressed(e.Hint)
		_ = a.printJSON(map[string]any{"error": &told}) // the exit status says it too
		return
	}
	for _, line := range e.Log {
		fmt.Fprintln(a.err, "  | "+logfile.SanitizeLine(line))
	}
	a.complain(err.Error(), e.Hint)
	if e.Code != "" && term.IsTerminal(a.err) {
		fmt.Fprintln(a.err, "more: apexd explain "+logfile.SanitizeLine(string(e.Code)))
	}
}

// complain prints an error, which may quote what a stranger has written.
func (a *app) complain(text, hint string) {
	fmt.Fprintln(a.err, a.speaker()+logfile.Sanitize(text))
	if hint != "" {
		fmt.Fprintln(a.err, "hint: "+logfile.Sanitize(a.addressed(hint)))
	}
}
