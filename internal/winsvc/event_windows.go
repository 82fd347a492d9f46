package winsvc

import (
	"golang.org/x/sys/windows/svc/eventlog"
)

// Report writes e to the Application log, under the source that the service called name has. Nobody can be told where that fails: the log file has the same.
func Report(name string, e Event) {
	l, err := eventlog.Open(name)
	if err != nil {
		return
	}
	defer l.Close()
	id, text := uint32(e.ID), e.Text()
	switch e.ID.Severity() {
	case Information:
		_ = l.Info(id, text)
	case Warning:
		_ = l.Warning(id, text)
	case Failure:
		_ = l.Error(id, text)
	}
}
