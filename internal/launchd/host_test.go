package launchd

import (
	"os"
	"strings"
	"testing"
)

// The real launchctl has one path, which nothing in the environment changes. It is read here and not run: the file is macOS's.
func TestLaunchctlIsTheSystems(t *testing.T) {
	b, err := os.ReadFile("host_darwin.go")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if !strings.Contains(text, `"/bin/launchctl"`) {
		t.Error("host_darwin.go does not name /bin/launchctl")
	}
	for _, word := range []string{"Getenv", "LookupEnv", "LookPath", "Environ"} {
		if strings.Contains(text, word) {
			t.Errorf("host_darwin.go has %s", word)
		}
	}
}
