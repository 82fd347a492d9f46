//go:build !linux

package safefile

func (p parent) swap(from, to string) error { return p.rename(from, to) }
