package launchd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestParseItems: the item of that file counts, whichever others there are, and what is not understood says nothing. In testdata/dumpbtm.txt the first item is what a vendor shows
// of his (see parseItems); the others are made after it.
func TestParseItems(t *testing.T) {
	const agent, daemon = "/Users/u/Library/LaunchAgents/apex-shop-1a2b3c4d.plist", "/Library/LaunchDaemons/apex-shop-1a2b3c4d.plist"
	b, err := os.ReadFile(filepath.Join("testdata", "dumpbtm.txt"))
	if err != nil {
		t.Fatal(err)
	}
	dump := string(b)
	for name, row := range map[string]struct {
		text, file string
		want       bool
	}{
		"allowed":                       {dump, daemon, false},
		"disallowed":                    {dump, agent, true},
		"disabled":                      {strings.Replace(dump, "[enabled, allowed, visible, notified] (11)", "[disabled, allowed, visible, notified] (10)", 1), "/Library/LaunchAgents/uk.co.dssw.pmnotify.plist", true},
		"another file":                  {dump, "/Library/LaunchDaemons/x.plist", false},
		"a blank in the path":           {dump, "/Users/a b/Library/LaunchAgents/apex-shop-1a2b3c4d.plist", true},
		"of two users, allowed in one":  {dump, "/Library/LaunchAgents/both.plist", false},
		"a disposition in other words":  {strings.ReplaceAll(dump, "disallowed", "forbidden"), agent, false},
		"no disposition":                {strings.ReplaceAll(dump, "Disposition", "Verdict"), agent, false},
		"a disposition of another item": {"#1:\n Disposition: [disabled, disallowed] (0)\n#2:\n URL: file://" + agent + "\n", agent, false},
		"an address that is none":       {"Disposition: [disabled, disallowed]\nURL: file://%zz\nURL: " + agent + "\n", agent, false},
		"cut off":                       {"Disposition: [disabled, disallowed", agent, false},
		"nothing":                       {"", agent, false},
		"another answer":                {"Error: authorization failed\n", agent, false},
	} {
		if got := parseItems(row.text, row.file); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSwitchedOffAsUser: macOS would ask anybody else for a password.
func TestSwitchedOffAsUser(t *testing.T) {
	if off, err := SwitchedOff(t.Context(), 501, "/x"); off || !errors.Is(err, ErrNotTold) {
		t.Errorf("%v, %v", off, err)
	}
}

func FuzzParseItems(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "dumpbtm.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b), "/Library/LaunchDaemons/x.plist")
	f.Add("Disposition: [enabled, disallowed] (1)\nURL: file:///x\n", "/x")
	f.Fuzz(func(t *testing.T, text, file string) {
		if parseItems(text, file) && !strings.Contains(text, "dis") {
			t.Errorf("%q is switched off by %q", file, text)
		}
	})
}
