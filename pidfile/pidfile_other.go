//go:build !unix

package pidfile

// fileOwner is -1, as is proc.Info.UID: there are no numeric owners here.
func fileOwner(string) int { return -1 }

func isLoop(error) bool { return false }

func isReadOnly(error) bool { return false }
