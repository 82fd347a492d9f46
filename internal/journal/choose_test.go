package journal

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

func TestChoose(t *testing.T) {
	const systemd = service.KindSystemd
	for _, row := range []struct {
		name    string
		want    string
		facts   Facts
		store   string
		warning string // part of it, "" for none
	}{
		{"nobody keeps it", "auto", Facts{UID: 0, Socket: true, Persistent: true}, "file", ""},
		{"kept by systemd, as root", "auto", Facts{systemd, 0, true, false}, "journal", ""},
		{"kept by systemd, as root, on disk", "auto", Facts{systemd, 0, true, true}, "journal", ""},
		{"a user's, on disk", "auto", Facts{systemd, 1000, true, true}, "journal", ""},
		{"a user's, in memory: he could not read it", "auto", Facts{systemd, 1000, true, false}, "file", ""},
		{"a system user's: his entries are not split off", "auto", Facts{systemd, 999, true, true}, "file", ""},
		{"no journald", "auto", Facts{systemd, 0, false, true}, "file", ""},
		{"kept by another manager", "auto", Facts{"openrc", 0, true, true}, "file", ""},
		{"nothing said is auto", "", Facts{systemd, 0, true, false}, "journal", ""},
		{"a file on request", "file", Facts{systemd, 0, true, true}, "file", ""},
		{"the journal on request", "journal", Facts{UID: 1000, Socket: true}, "journal", ""},
		{"the journal on request, a user's in memory", "journal", Facts{systemd, 1000, true, false}, "journal", ""},
		{"the journal on request where there is none", "journal", Facts{UID: 0}, "file", "There is no systemd journal here"},
		{"kept by systemd without journald, on request", "journal", Facts{Keeper: systemd}, "file", "There is no systemd journal here"},
	} {
		t.Run(row.name, func(t *testing.T) {
			store, warning := Choose(row.want, row.facts)
			if store != row.store || !strings.Contains(warning, row.warning) || warning != "" && row.warning == "" {
				t.Errorf("%s, %q", store, warning)
			}
		})
	}
}
