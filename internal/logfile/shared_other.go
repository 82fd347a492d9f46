//go:build !windows

package logfile

import (
	"os"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// lateTimes: see shared_windows.go.
const lateTimes = false

// openShared opens path for reading. The writer can rename and remove it meanwhile.
func openShared(path string) (*os.File, error) {
	f, err := safefile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return regular(f)
}
