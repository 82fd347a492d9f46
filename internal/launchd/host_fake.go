//go:build fakelaunchd

package launchd

import (
	"os"
	"path/filepath"
)

// The variables by which a test tells a build with the tag fakelaunchd where its launchd is (e2e/fakelaunchd). No other build reads them.
const (
	FakeProgram = "APEXD_FAKE_LAUNCHCTL" // in place of /bin/launchctl
	FakeRoot    = "APEXD_FAKE_ROOT"      // what /Library/LaunchDaemons is below
)

// Here reports whether a test has given this build a launchd.
func Here() bool { return program() != "" }

func program() string { return os.Getenv(FakeProgram) }

// sfltool is beside the test's own files, if it has one.
func sfltool() string { return filepath.Join(root(), "sfltool") }

func root() string { return os.Getenv(FakeRoot) }
