package fswatch

import (
	"strings"
	"time"
)

// sizeInterval: Windows notifies of a write when the cache is written to the disk, which may be when the writer closes the file
// (FindFirstChangeNotification, FILE_NOTIFY_CHANGE_LAST_WRITE), so the size of a growing log must be asked for.
const sizeInterval = 250 * time.Millisecond

// samePath: names differ in case only between what was asked for and what the directory says.
func samePath(a, b string) bool { return strings.EqualFold(a, b) }
