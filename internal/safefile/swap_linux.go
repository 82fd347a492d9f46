package safefile

import (
	"errors"

	"golang.org/x/sys/unix"
)

// swap is rename without ext4's flush of what replaces a file (ext4(5), auto_da_alloc), which takes a tenth of a millisecond on an idle disk and many on a busy one: the two
// files change names (renameat2(2), RENAME_EXCHANGE; Linux 3.15, not on every file system), and the old one is removed.
func (p parent) swap(from, to string) (found bool, err error) {
	err = unix.Renameat2(p.fd, p.name(from), p.fd, p.name(to), unix.RENAME_EXCHANGE)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPERM): // no old one, or no such call
		return !errors.Is(err, unix.ENOENT), p.rename(from, to)
	case err != nil:
		return true, p.failed("rename", to, err)
	}
	return true, p.remove(from)
}
