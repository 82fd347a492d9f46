//go:build !linux

package fswatch

import "context"

func removedOwn(ctx context.Context, dir string, names []string) (<-chan struct{}, error) {
	return removed(ctx, dir, names)
}
