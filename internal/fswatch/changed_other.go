//go:build !windows

package fswatch

import "time"

// sizeInterval is off: the events tell everything.
const sizeInterval time.Duration = 0

func samePath(a, b string) bool { return a == b }
