package doctor

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// TestWritable: it is told by the rights of the effective user, and a directory that is not there is no obstacle.
func TestWritable(t *testing.T) {
	dir := testenv.TempDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Writable(dir); err != nil {
		t.Errorf("one's own: %v", err)
	}
	if err := Writable(filepath.Join(dir, "none")); err != nil {
		t.Errorf("none: %v", err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	testenv.AsNobody(t, func() {
		err, is := Writable(dir).(*fs.PathError)
		if !is || err.Path != dir {
			t.Errorf("closed: %v", err)
		}
	})
}
