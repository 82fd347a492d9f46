package logfile

import (
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// renameCurrent closes the present file first: what follows it would otherwise still be this one's. Whether the rename succeeds or not, the path is opened again.
func (w *Writer) renameCurrent(to string) error {
	if w.f != nil {
		w.f.Close()
		w.f = nil
	}
	err := os.Rename(w.p.Path, to)
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		err = copyOut(w.p.Path, to)
	}
	return errors.Join(err, w.openFile())
}

// copyOut is the rename of a file that somebody else has open and does not share for that (FILE_SHARE_DELETE): many programs that follow a log do so for hours, in which it would grow
// without a bound. They see it shrink, as with logrotate's copytruncate. A crash in between leaves lines twice and loses none.
func copyOut(path, to string) error {
	tmp := goneName(path) + "copy" // which Open clears away after a crash
	err := copyFile(path, tmp)
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Truncate(path, 0)
}

func copyFile(from, to string) error {
	src, err := openShared(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := safefile.Open(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// discard removes a rotated file. Somebody may be reading it; then, but for NTFS since Windows 10 1809, only its last handle's closing frees the name
// (DeleteFile: "marks a file for deletion on close"), and the next rotation needs the name. So it is renamed first.
func discard(path, name string) error {
	trash := goneName(path) + strconv.FormatInt(time.Now().UnixNano(), 36)
	if err := os.Rename(name, trash); err != nil {
		return os.Remove(name)
	}
	err := os.Remove(trash)
	if err != nil {
		err = errors.Join(err, os.Rename(trash, name))
	}
	return err
}

// remove removes a file of ours, without waiting for a reader to let go.
func remove(name string) error { return os.Remove(name) }
