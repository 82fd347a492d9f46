package journal

import (
	"strconv"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Source says which entries are a daemon's. Fields that begin with '_' are journald's own word (systemd.journal-fields(7)): any program can send the others, and
// a stranger's entries in our name are not shown.
type Source struct {
	Project string
	Name    string
	Path    string // of the LogRef: the unit, or the SYSLOG_IDENTIFIER of a daemon that is no unit
	UID     int    // whose daemon it is where it is no unit of the system's manager; -1 is not known
	Tool    string // journalctl; "" looks for it in PATH
}

// match is the arguments that choose the entries: those with our fields, and what the daemon's process wrote to its standard error.
func (s Source) match() []string {
	id := service.RegistrationName(s.Project, s.Name)
	var trusted [][]string
	if s.Path == id {
		trusted = [][]string{s.user()}
	} else {
		trusted = [][]string{{"_SYSTEMD_UNIT=" + s.Path}, append([]string{"_SYSTEMD_USER_UNIT=" + s.Path}, s.user()...)}
	}
	var args []string
	for _, t := range trusted {
		for _, ours := range [][]string{{fieldProject + "=" + s.Project, fieldDaemon + "=" + s.Name}, {"_TRANSPORT=stdout"}} {
			if len(args) > 0 {
				args = append(args, "+")
			}
			args = append(append(append(args, t...), "SYSLOG_IDENTIFIER="+id), ours...)
		}
	}
	return append(args, s.dropped()...)
}

// droppedID is that of journald's own entries which say how many of a unit's it has left out because of its rate limit: SD_MESSAGE_JOURNAL_DROPPED (sd-messages.h). They stand before
// the next one that it took.
const droppedID = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"

// dropped is the arguments that add those about the daemon's unit. About one without a unit of its own they say nothing: the limit, and the number, are of all that is in the same one.
func (s Source) dropped() []string {
	if s.Path == service.RegistrationName(s.Project, s.Name) {
		return nil
	}
	var args []string
	for _, object := range []string{"OBJECT_SYSTEMD_UNIT=", "OBJECT_SYSTEMD_USER_UNIT="} {
		args = append(args, "+", "_TRANSPORT=driver", droppedID, object+s.Path)
	}
	return args
}

func (s Source) user() []string {
	if s.UID < 0 {
		return nil
	}
	return []string{"_UID=" + strconv.Itoa(s.UID)}
}

// span is which of the entries are read.
type span struct {
	last   int       // only that many from the end; < 0: all
	since  time.Time // zero: all
	cursor string    // from this entry on
	most   int       // only that many from there, however many have come since they were counted; 0: all
	follow bool
}

// args is the command line of journalctl(1) for a span. Options that depend on each other in ways that differ between versions are not combined.
func (s Source) args(r span) []string {
	args := []string{
		"--no-pager", "--output=export",
		"--output-fields=" + fieldMessage + "," + fieldLine + "," + fieldPart, // systemd 236; __CURSOR is always there
	}
	switch {
	case r.cursor != "":
		args = append(args, "--cursor="+r.cursor)
	case !r.since.IsZero():
		args = append(args, "--since=@"+strconv.FormatFloat(float64(r.since.UnixMicro())/1e6, 'f', 6, 64))
	}
	switch {
	case r.last >= 0:
		args = append(args, "--lines="+strconv.Itoa(r.last))
	case r.follow:
		args = append(args, "--no-tail")
	}
	if r.follow {
		args = append(args, "--follow")
	}
	return append(append(args, "--"), s.match()...)
}
