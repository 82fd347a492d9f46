//go:build !linux

package safefile

func (p parent) swap(from, to string) (bool, error) { return p.move(from, to) }
