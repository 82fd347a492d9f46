package cli

import "testing"

// TestSettled: what the shell of an installation has put into a definition is no drift.
func TestSettled(t *testing.T) {
	const list = "\t<dict>\n\t\t<key>EnvironmentVariables</key>\n\t\t<dict>\n\t\t\t<key>PATH</key>\n\t\t\t<string>%s</string>\n\t\t</dict>\n\t\t<key>ExitTimeOut</key>\n\t\t<integer>15</integer>\n\t</dict>\n"
	for _, row := range []struct{ name, text, want string }{
		{"a unit", "# Made by apexd 1.2\n[Service]\nEnvironment=\"PATH=/a\"\nExecStart=/x\n", "[Service]\nExecStart=/x\n"},
		{"a property list", list, "\t<dict>\n\t\t<key>ExitTimeOut</key>\n\t\t<integer>15</integer>\n\t</dict>\n"},
	} {
		if got := settled(row.text); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
