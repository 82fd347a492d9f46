//go:build !unix

package install

import "context"

func turn(context.Context, string) (end func(), err error) { return func() {}, nil }
