//go:build !unix

package backends

import (
	"context"
	"errors"
	"io"
)

func runGroup(context.Context, []string, io.Writer, io.Writer) error { return errors.ErrUnsupported }
