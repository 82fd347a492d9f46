//go:build !unix && !windows

package safefile

import "io/fs"

func links(string, fs.FileInfo) uint64 { return 1 }
