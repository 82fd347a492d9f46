//go:build !unix

package pidfile

import "io/fs"

// ownerOf is -1, as is proc.Info.UID: there are no numeric owners here.
func ownerOf(fs.FileInfo) int { return -1 }

func isLoop(error) bool { return false }

func isReadOnly(error) bool { return false }
