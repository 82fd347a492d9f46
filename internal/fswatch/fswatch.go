// Package fswatch tells when files of ours are removed or changed, by the events of the OS. It looks at nothing itself: a value
// on a channel means "look". Removed is for the resident daemon and costs nothing while nothing is removed; Changed is for
// short-lived commands.
package fswatch

import (
	"context"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// Removed reports, as a value on the returned channel, that one of the entries of dir called names, or dir itself, was removed
// or renamed away, or that this can no longer be told (another file system was unmounted, events were lost). Values are
// coalesced and may come too often, never too seldom. After the call the receiver looks itself, and after each value it does the same again: a new call,
// with a context of its own, then the end of the old one, then the look. The channel is never closed. Errors: dir
// cannot be watched: safefile.ErrUnsafe for a link called .apex, fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, or syscall.ENOSPC or EMFILE for too many watches (inotify(7)).
//
// On Linux, writing to files, creating them, replacing them by rename, and whatever happens to other entries
// does not wake the receiver; writing does not even wake this package. One call watches for as long as dir exists, under
// whatever name; that a parent of dir is renamed is not seen.
//
// On darwin and FreeBSD the files themselves are watched, so a replacement by rename counts as removal, and names that do not exist
// yet are not watched. One thread waits.
//
// On Windows and elsewhere the channel is nil, which blocks for ever: on Windows a file that is open (without
// FILE_SHARE_DELETE) cannot be removed, nor can the directory it is in.
//
// When ctx is done everything is released.
func Removed(ctx context.Context, dir string, names ...string) (<-chan struct{}, error) {
	return removed(ctx, dir, names)
}

// RemovedOwn is Removed for a process that has SIGIO for itself. On Linux its end costs nothing, where that of Removed takes 15 ms; but it wakes for everything that
// is removed from dir or renamed in it, and not when dir itself is renamed.
func RemovedOwn(ctx context.Context, dir string, names ...string) (<-chan struct{}, error) {
	return removedOwn(ctx, dir, names)
}

// hold is safefile.Hold for a directory: where its last element is .apex, a link is refused.
func hold(dir string) (name string, release func(), err error) {
	name, release, err = safefile.Hold(filepath.Join(dir, "entry"))
	return filepath.Dir(name), release, err
}

// wake leaves a value in ch, unless one is waiting there already. ch has room for one.
func wake(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
