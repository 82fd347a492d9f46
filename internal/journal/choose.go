package journal

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// SocketPath is where journald takes entries (systemd-journald.service(8)).
const SocketPath = "/run/systemd/journal/socket"

// firstUser is the first UID whose entries journald keeps in a journal of their own, readable by their user (journald.conf(5), SplitMode=). The number is fixed
// when systemd is built, and 1000 nearly everywhere.
const firstUser = 1000

// Facts are what the choice of a store depends on.
type Facts struct {
	Keeper     service.Kind // who keeps the daemon; "" is nobody
	UID        int          // of the daemon
	Socket     bool         // journald listens
	Persistent bool         // the journal is on disk; one in memory is not split by user
}

// FactsHere are the facts about this process and machine.
func FactsHere(keeper service.Kind) Facts {
	f := Facts{Keeper: keeper, UID: os.Getuid()}
	if fi, err := os.Stat(SocketPath); err == nil {
		f.Socket = fi.Mode()&os.ModeSocket != 0
	}
	if id, err := os.ReadFile("/etc/machine-id"); err == nil {
		fi, err := os.Stat(filepath.Join("/var/log/journal", strings.TrimSpace(string(id))))
		f.Persistent = err == nil && fi.IsDir()
	}
	return f
}

// Choose returns service.LogFile or service.LogJournal for what the configuration wants (service.LogAuto, …), and what people should know about that.
func Choose(want string, f Facts) (store, warning string) {
	switch {
	case want == service.LogJournal && !f.Socket:
		return service.LogFile, "There is no systemd journal here, the log is a file (log.store)"
	case want == service.LogJournal:
		return service.LogJournal, ""
	case want == service.LogFile, f.Keeper != service.KindSystemd, !f.Socket:
		return service.LogFile, ""
	case f.UID == 0, f.Persistent && f.UID >= firstUser:
		return service.LogJournal, ""
	}
	return service.LogFile, "" // whoever runs it could not read its journal
}
