//go:build !linux

package systemd

import (
	"context"
	"errors"

	"github.com/joshuaaferguson/apexd/service"
)

func dial(context.Context, service.Scope, int) (Conn, error) { return nil, errors.ErrUnsupported }
