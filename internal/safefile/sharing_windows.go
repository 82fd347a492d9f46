package safefile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// inUse reports whether err may be about a file that a process has open.
func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, fs.ErrPermission)
}

func noSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// openShared is os.OpenFile without O_TRUNC, and with FILE_SHARE_DELETE: a file that a process of ours has open can be renamed and removed, by us and by the user. os.OpenFile does not
// ask for it (golang.org/issue/32088).
func openShared(path string, flag int, _ fs.FileMode) (*os.File, error) {
	fail := func(err error) (*os.File, error) { return nil, &fs.PathError{Op: "open", Path: path, Err: err} }
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fail(err)
	}
	h, err := windows.CreateFile(p, accessOf(flag), windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil, creationOf(flag), windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return fail(err)
	}
	return os.NewFile(uintptr(h), path), nil
}

// accessOf are the rights that os.OpenFile asks for. Who may append only is given no place to write at.
func accessOf(flag int) uint32 {
	var access uint32
	switch flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR) {
	case os.O_RDONLY:
		access = windows.GENERIC_READ
	case os.O_WRONLY:
		access = windows.GENERIC_WRITE
	case os.O_RDWR:
		access = windows.GENERIC_READ | windows.GENERIC_WRITE
	}
	if flag&os.O_APPEND != 0 {
		access = access&^windows.GENERIC_WRITE | windows.FILE_APPEND_DATA | windows.FILE_WRITE_ATTRIBUTES | windows.SYNCHRONIZE
	}
	return access
}

func creationOf(flag int) uint32 {
	switch {
	case flag&os.O_CREATE == 0:
		return windows.OPEN_EXISTING
	case flag&os.O_EXCL != 0:
		return windows.CREATE_NEW
	}
	return windows.OPEN_ALWAYS
}
