package logfile

import (
	"os"

	"golang.org/x/sys/windows"
)

// lateTimes: the time of last write of a file that is open for writing may be old (GetFileTime, Microsoft: "not fully updated until all handles used for
// writing have been closed").
const lateTimes = true

// openShared opens path for reading so that the writer can still rename and remove it (FILE_SHARE_DELETE, which os.Open does not ask for). A reparse point is opened as itself
// and then refused, as in safefile.
func openShared(path string) (*os.File, error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(p, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return regular(os.NewFile(uintptr(h), path))
}
