//go:build !windows

package cli

import (
	"context"
	"errors"
)

func (a *app) serve(context.Context, []string, runFlags) error {
	return usageError("--keeper windows: "+errors.ErrUnsupported.Error(), "")
}
