// Package gate keeps skipped tests honest. A test that cannot run where it is says so through Skip; where everything a test may need has
// been provided (CI, which sets APEXD_E2E=1) such a skip is a failure, so that no test is lost without anybody noticing.
package gate

import (
	"os"
	"testing"
)

// Variable is the environment variable that turns every Skip into a failure when it is "1".
const Variable = "APEXD_E2E"

// Skip ends the test: as skipped, with the reason, or as failed when APEXD_E2E=1. It must be called from the test's goroutine.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(Variable) == "1" {
		t.Fatalf("skipped although %s=1: %s", Variable, reason)
	}
	t.Skip(reason)
}
