package backends

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/journal"
	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// OpenLog opens the log that s asks for, for supervise.Options: the file or the journal, by what journal.Choose says. The warning is for the log itself.
func OpenLog(s service.Spec, keeper service.Registration) (l supervise.Log, warning string, err error) {
	store, warning := journal.Choose(s.Log.Store, journal.FactsHere(keeper.Backend))
	if store == service.LogFile {
		l, err = supervise.OpenFile(s.Log)
		return l, warning, err
	}
	unit := ""
	if keeper.Backend == service.KindSystemd {
		unit = keeper.Service
	}
	return journal.Open(journal.Options{Project: s.Project, Name: s.Name, Unit: unit, Format: s.Log.Format, Socket: journal.SocketPath}), warning, nil
}

var _ supervise.Log = (*journal.Writer)(nil)

// LogOf says where the log of the daemon of p is, as its record tells, or what its history tells of the last run, or the file where neither does.
func LogOf(p Place) service.LogRef {
	if f := p.Ref.Look(); f.Record != nil && f.Record.Log != nil && f.Record.Log.Path != "" {
		return service.LogRef{Kind: f.Record.Log.Kind, Path: f.Record.Log.Path}
	}
	events, _, err := history.Read(supervise.HistoryPath(p.Ref), -1)
	if err == nil {
		for _, e := range slices.Backward(events) {
			if e.Log != nil && e.Log.Kind == service.LogJournal {
				return *e.Log
			}
			if e.Log != nil {
				break
			}
		}
	}
	return service.LogRef{Kind: service.LogFile, Path: p.Log}
}

// ShowLog writes the log of the daemon called name to w, from whatever store holds it, as logfile.Show and journal.Show do. Errors: NOT_RUNNING when there is
// none, PERMISSION_DENIED when the caller may not read the journal, an error of w.
func ShowLog(ctx context.Context, w io.Writer, p Place, name string, v logfile.View) error {
	ref := LogOf(p)
	var err error
	if ref.Kind == service.LogJournal {
		s := journal.Source{Project: p.Ref.Project, Name: name, Path: ref.Path, UID: owner(p.Ref)}
		err = journal.Show(ctx, w, s, v)
	} else {
		err = logfile.Show(ctx, w, ref.Path, v)
	}
	return explain(err, ref)
}

// lastLines are the last lines of the log, fit for a message: supervise.MaxWords at most, none when they cannot be read within lastLinesWait.
func lastLines(p Place, name string) []string {
	ref := LogOf(p)
	if ref.Kind == service.LogFile {
		lines, err := logfile.Tail(ref.Path, supervise.MaxWords)
		if err != nil {
			return nil
		}
		return lines
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastLinesWait)
	defer cancel()
	var b bytes.Buffer
	if err := ShowLog(ctx, &b, p, name, logfile.View{Lines: supervise.MaxWords}); err != nil || b.Len() == 0 {
		return nil
	}
	var lines []string
	for line := range bytes.Lines(b.Bytes()) {
		lines = append(lines, logfile.Clip(bytes.TrimSuffix(line, []byte{'\n'})))
	}
	return lines
}

// lastLinesWait bounds how long journalctl may take to explain a failure.
const lastLinesWait = 5 * time.Second

// explain says what to do about an error of showing the log.
func explain(err error, ref service.LogRef) error {
	e := &service.Error{Op: "show the log", Path: ref.Path, Err: err}
	var refused *journal.RefusedError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Err, e.Hint = service.CodeNotRunning, errors.New("there is none yet"), `start the daemon with "apexd start"`
	case errors.As(err, &refused):
		e.Code, e.Hint = service.CodePermissionDenied, `a member of the group systemd-journal or adm may read it: "sudo usermod -aG systemd-journal $USER", then log in again; or use sudo`
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Hint = service.CodePermissionDenied, "run the same command as the user whom it belongs to, or with sudo"
	case errors.Is(err, journal.ErrNoTool):
		e.Code, e.Hint = service.CodeUnsupported, "install systemd's journalctl"
	default:
		return err
	}
	return e
}

// owner is the user of the daemon: whose record it is, or whose history when there is no record. -1: not known.
func owner(ref pidfile.Ref) int {
	for _, path := range []string{ref.Path, supervise.HistoryPath(ref)} {
		if uid := ownerOf(path); uid >= 0 {
			return uid
		}
	}
	return -1
}
