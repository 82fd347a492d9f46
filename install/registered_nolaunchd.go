//go:build !darwin && !fakelaunchd

package install

// registeredJobs: only macOS has launchd.
func registeredJobs([]Person, func(string) bool) []Known { return nil }
