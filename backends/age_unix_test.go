//go:build unix

package backends

import (
	"os"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// TestAgeOf: a process that has ended has no age, even while its manager has not noticed.
func TestAgeOf(t *testing.T) {
	if _, alive := ageOf(os.Getpid()); !alive {
		t.Error("this process does not live")
	}
	if _, alive := ageOf(0); alive {
		t.Error("no process lives")
	}
	pid, _ := testenv.Zombie(t)
	if _, alive := ageOf(pid); alive {
		t.Error("a zombie lives")
	}
}
