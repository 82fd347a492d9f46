package servicetest_test

import (
	"testing"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

func TestFake(t *testing.T) {
	var m servicetest.Matrix
	servicetest.Run(t, servicetest.FakeDriver(), &m, nil)
	t.Log("\n" + m.Markdown() + "\n" + m.Reasons())
}
