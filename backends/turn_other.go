//go:build !unix

package backends

import (
	"context"
	"time"
)

func turn(context.Context, string, time.Duration) (end func(), err error) { return func() {}, nil }
