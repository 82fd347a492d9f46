//go:build !windows

package history

func wine() bool { return false }
