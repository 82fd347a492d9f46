//go:build !linux && !darwin && !freebsd

package fswatch

import "context"

func removed(context.Context, string, []string) (<-chan struct{}, error) { return nil, nil }
