//go:build !linux

package conformance_test

import (
	"testing"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const wineColumn = "Windows (Wine)"

// runOnWine has nothing to do where there are no worlds; on Windows itself the suite runs as it is.
func runOnWine(t *testing.T, _ *servicetest.Matrix, _ func(testing.TB, string)) {
	t.Skip("Wine is used on Linux")
}
