package gate_test

import (
	"fmt"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// recorder is a testing.TB that remembers how it was ended instead of ending.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Skip(a ...any)             { r.said += "skip: " + fmt.Sprint(a...) }
func (r *recorder) Fatalf(f string, a ...any) { r.said = "fail: " + fmt.Sprintf(f, a...); panic(r) }

func TestSkip(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"by default a skip", "", "skip: no root"},
		{"any other value is no gate", "0", "skip: no root"},
		{"a failure when everything is there", "1", "fail: skipped although APEXD_E2E=1: no root"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv(gate.Variable, row.value)
			r := &recorder{TB: t}
			func() {
				defer func() { _ = recover() }() // Fatalf does not return
				gate.Skip(r, "no root")
			}()
			if r.said != row.want {
				t.Errorf("Skip said %q, want %q", r.said, row.want)
			}
		})
	}
}
