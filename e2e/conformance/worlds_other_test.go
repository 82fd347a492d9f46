//go:build !linux

package conformance_test

import (
	"testing"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const driverVariable = "APEXD_CONFORMANCE_DRIVER"

// runInWorlds: e2e/lab is Linux's.
func runInWorlds(*testing.T, *servicetest.Matrix) {}
