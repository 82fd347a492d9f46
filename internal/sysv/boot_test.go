package sysv

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// TestRCValue: the last word of the last file counts, as for sh(1).
func TestRCValue(t *testing.T) {
	const conf, local, own = "etc/rc.conf", "etc/rc.conf.local", "etc/rc.conf.d/apex_x"
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
		on    bool
	}{
		{"nothing", nil, "", false},
		{"sysrc", map[string]string{conf: "sshd_enable=\"YES\"\napex_x_enable=\"YES\"\n"}, "YES", true},
		{"twice", map[string]string{conf: "apex_x_enable=YES\napex_x_enable='NO' # for now\n"}, "NO", false},
		{"local", map[string]string{conf: "apex_x_enable=NO\n", local: "apex_x_enable=on\n"}, "on", true},
		{"its own", map[string]string{conf: "apex_x_enable=NO\n", local: "apex_x_enable=NO\n", own: "apex_x_enable=\"true\"\n"}, "true", true},
		{"another's", map[string]string{conf: "apex_xy_enable=YES\n#apex_x_enable=YES\nx=apex_x_enable=YES\n"}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := Layout{Root: t.TempDir()}
			for name, text := range tt.files {
				path := filepath.Join(l.Root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.RCValue("apex_x_enable"); got != tt.want || Truth(got) != tt.on {
				t.Errorf("%q, %v, want %q, %v", got, Truth(got), tt.want, tt.on)
			}
			if got := l.Starts(service.KindFreeBSD, "apex-x"); got != tt.on {
				t.Errorf("starts: %v", got)
			}
		})
	}
}
