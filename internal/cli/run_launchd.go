package cli

import (
	"context"

	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/service"
)

// runForLaunchd is run for launchd, which knows two ends: status 0, after which it lets the daemon be, and every other, after which it starts it again (KeepAlive, SuccessfulExit). So
// 0 is for whatever no restart helps, and why is in the history, since launchd keeps no log.
func (a *app) runForLaunchd(ctx context.Context, args []string, f runFlags) error {
	var (
		policy  service.RestartWhen
		settled bool
	)
	f.change = func(o *supervise.Options) {
		policy = o.Spec.Restart.When
		o.Brake, o.Settled = true, func() { settled = true }
	}
	err := a.run(ctx, args, f)
	if status := launchdStatus(err, settled, policy); status != exitDone {
		return statusError(status)
	}
	return nil
}

// launchdStatus is what the end of a daemon is to launchd.
func launchdStatus(err error, settled bool, policy service.RestartWhen) int {
	switch {
	case settled:
		return exitDone
	case err == nil && policy == service.RestartAlways:
		return exitAgain
	case err == nil:
		return exitDone
	}
	switch code := codeOf(err); code {
	case exitConfig, exitAlreadyRunning:
		return exitDone
	default:
		return code
	}
}
