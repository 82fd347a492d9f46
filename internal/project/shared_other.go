//go:build !linux

package project

func mountedFromWindows(string) string { return "" }
