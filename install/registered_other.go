//go:build !windows

package install

// registeredServices: only Windows has them.
func registeredServices(func(string) bool) []Known { return nil }
