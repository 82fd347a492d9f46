package cli

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/doctor"
)

// TestNoRoom: what keeps the log from being written is said, and nothing where nothing does or nobody knows.
func TestNoRoom(t *testing.T) {
	for _, row := range []struct {
		name string
		disk doctor.Disk
		want string
	}{
		{"not known", doctor.Disk{}, ""},
		{"room", doctor.Disk{Known: true, Free: 1}, ""},
		{"full", doctor.Disk{Known: true}, "no space is left in /p/.apex"},
		{"read-only", doctor.Disk{Known: true, ReadOnly: true, Free: 1}, "/p/.apex is on a read-only file system"},
		{"both", doctor.Disk{Known: true, ReadOnly: true}, "/p/.apex is on a read-only file system"},
	} {
		got := noRoom("/p/.apex", row.disk)
		if row.want == "" && got != nil || row.want != "" && (len(got) != 1 || !strings.Contains(got[0], row.want)) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
