package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Reserve keeps size bytes for a ReplaceFrom of path when the disk is full, in a file without a name, which is gone when it is closed. A file system that writes to new places all the time (btrfs, ZFS)
// keeps no room by this. Errors: errors.ErrUnsupported but on Linux, and what says there that the file system has no such files.
func Reserve(path string, size int, perm fs.FileMode) (*os.File, error) {
	p, err := openParent(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	room, err := p.unnamed(perm)
	if err != nil {
		return nil, err
	}
	_, err = room.Write(make([]byte, size))
	if err = errors.Join(err, chmod(room, perm)); err != nil {
		return nil, errors.Join(err, room.Close())
	}
	return room, nil
}

// ReplaceFrom is ReplaceOwn with the file of Reserve for the temporary one: data needs no room where it is not longer. Nobody else has that file open, so that readers see the old
// content of path or the new. It closes room.
func ReplaceFrom(room *os.File, path string, data []byte) error {
	defer room.Close()
	p, err := openParent(path)
	if err != nil {
		return err
	}
	defer p.close()
	if _, err := checkOld(path); err != nil {
		return err
	}
	if _, err := room.WriteAt(data, 0); err != nil {
		return err
	}
	if err := room.Truncate(int64(len(data))); err != nil {
		return err
	}
	base := filepath.Base(path)
	tmp, err := p.temp(base, func(tmp string) error { return p.give(room, tmp) })
	if err != nil {
		return err
	}
	if _, err := p.swap(tmp, base); err != nil {
		_ = p.remove(tmp) // the first error says it
		return err
	}
	return nil
}
