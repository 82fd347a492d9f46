// Package safefile opens, reads and replaces the files that apexd keeps in a directory which others may have prepared: a
// checkout from a stranger, a directory another user can write. A symbolic link, FIFO, device, directory or hard link in
// place of one of our files is refused with ErrUnsafe, and nothing is followed, blocked on, truncated or overwritten.
//
// What root makes in another user's directory is given to the owner of that directory, so that the owner can go on without root (Unix).
package safefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// DirName is the directory of a project that holds all state. Neither it nor what is below it is followed where it is a link, and what is done to a file in it is
// done in the directory that was opened: somebody who puts another one in its place meanwhile gains nothing by that (Unix).
const DirName = ".apex"

// ErrUnsafe is the reason for refusing a path that is not a plain file of ours.
var ErrUnsafe = errors.New("refused")

// ErrTooLarge is Read's reason for refusing a file of more than its limit.
var ErrTooLarge = errors.New("too large")

// Open opens path like os.OpenFile, does not follow a link in its last element, does not block on a FIFO, and refuses what
// is not a regular file with one name. With os.O_TRUNC the file is cut only after these checks. Errors: *fs.PathError, which
// matches ErrUnsafe where the file was refused. A new file gets perm less the umask.
func Open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	p, err := openParent(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	f, err := p.open(filepath.Base(path), flag&^os.O_TRUNC, perm)
	if err != nil {
		if fi, e := os.Lstat(path); e == nil { // ELOOP, EISDIR, ENXIO: what stands there says it better
			if e := Check(path, fi); e != nil {
				return nil, e
			}
		}
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil {
		err = Check(path, fi)
	}
	if err == nil && flag&os.O_TRUNC != 0 {
		err = f.Truncate(0)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read returns the content of path and its FileInfo. More than limit bytes is an error, and so is everything that Open refuses. A file that grows
// meanwhile is read to its end as it is then: the last line may be torn.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := Open(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	b.Grow(int(min(fi.Size(), limit)) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, fi, err
	}
	if size := int64(b.Len()); size > limit {
		return nil, fi, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooLarge, max(size, fi.Size()), limit)}
	}
	return b.Bytes(), fi, nil
}

// Hold is for those who open a file in their own way. Until release is called, name leads to the file at path in the directory that is there now, whatever somebody
// puts in that directory's place meanwhile, where the system has such names (Linux); elsewhere it is path. The file itself may be a link: see Flags.
func Hold(path string) (name string, release func(), err error) {
	p, err := openParent(path)
	if err != nil {
		return "", nil, err
	}
	return p.lasting(filepath.Base(path)), p.close, nil
}

var tempSeq atomic.Uint32

// Replace puts data into path as one step: a temporary file in the same directory, then rename. Readers see the old content or the new,
// never a part. What stands at path is replaced, not followed, except that a directory is an error. After an error the old
// content is still there and the temporary file is gone. It is not synced: a record of another boot is stale by its boot id.
func Replace(path string, data []byte, perm fs.FileMode) error {
	_, err := replace(path, data, perm, parent.open, parent.move)
	return err
}

// ReplaceState is Replace for what is worth nothing after a power failure, which may leave the file empty: nothing is written out because of it.
func ReplaceState(path string, data []byte, perm fs.FileMode) error {
	_, err := replace(path, data, perm, parent.open, parent.swap)
	return err
}

// ReplaceOwn is ReplaceState for a file whose owner says who wrote it: it belongs to this process's user in whoever's directory it is. Where somebody keeps the file open so that it
// cannot be replaced (Windows), it is overwritten instead: see Overwrite. found reports whether there was a file at path: on Linux exactly, elsewhere by a look a moment before.
func ReplaceOwn(path string, data []byte, perm fs.FileMode) (found bool, err error) {
	found, err = replace(path, data, perm, parent.openOwn, parent.swap)
	if err != nil && inUse(err) && Overwrite(path, data) == nil {
		return true, nil
	}
	return found, err
}

// Overwrite writes data over the content of path, in one write, with spaces up to the old length: what is shorter never has the end of the old behind it, and a reader sees the one or the
// other. A crash in the middle may leave parts of both. It is for a text in which spaces at the end mean nothing, where Replace is not possible.
func Overwrite(path string, data []byte) error {
	f, err := Open(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err == nil {
		if more := fi.Size() - int64(len(data)); more > 0 {
			data = append(bytes.Clone(data), bytes.Repeat([]byte{' '}, int(more))...)
		}
		_, err = f.WriteAt(data, 0)
	}
	return errors.Join(err, f.Close())
}

// Make makes path, empty and with perm whatever the umask is, where it is missing, for those who open a file in their own way. Errors are those of Open.
func Make(path string, perm fs.FileMode) error {
	f, err := Open(path, os.O_RDONLY|os.O_CREATE|os.O_EXCL, perm)
	if err == nil {
		_ = chmod(f, perm) // a file system without modes has none
	}
	if errors.Is(err, fs.ErrExist) {
		f, err = Open(path, os.O_RDONLY|os.O_CREATE, perm)
	}
	if err != nil {
		return err
	}
	return f.Close()
}

type opener = func(p parent, base string, flag int, perm fs.FileMode) (*os.File, error)

// mover gives from the name to, and reports whether another file had that.
type mover = func(p parent, from, to string) (found bool, err error)

// move does not know about another file.
func (p parent) move(from, to string) (bool, error) { return true, p.rename(from, to) }

func replace(path string, data []byte, perm fs.FileMode, open opener, move mover) (found bool, err error) {
	p, err := openParent(path)
	if err != nil {
		return false, err
	}
	defer p.close()
	there, err := checkOld(path)
	if err != nil {
		return there, err
	}
	base := filepath.Base(path)
	var f *os.File
	tmp, err := p.temp(base, func(tmp string) (err error) {
		f, err = open(p, tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		return err
	})
	if err != nil {
		return there, err
	}
	_, err = f.Write(data)
	if e := chmod(f, perm); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = patiently(func() error {
			found, err := move(p, tmp, base)
			there = there && found
			return err
		})
	}
	if err != nil {
		_ = p.remove(tmp) // the first error says it
	}
	return there, err
}

// checkOld refuses what stands at path and is not to be replaced. It reports whether anything does.
func checkOld(path string) (there bool, err error) {
	fi, err := os.Lstat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist), nil
	}
	return true, Check(path, fi)
}

// temp has make make a new temporary file for base. One of that name was left by a process of an earlier boot with our PID.
func (p parent) temp(base string, make func(tmp string) error) (tmp string, err error) {
	tmp = tempPrefix(base) + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatUint(uint64(tempSeq.Add(1)), 10) + tempSuffix
	err = make(tmp)
	if errors.Is(err, fs.ErrExist) {
		if err = p.remove(tmp); err == nil {
			err = make(tmp)
		}
	}
	return tmp, err
}

// NoSpace reports whether err says that the disk is full, or that the user may have no more of it.
func NoSpace(err error) bool { return noSpace(err) }

// InUse reports whether err, of Replace or Remove, may be about a file that somebody keeps open.
func InUse(err error) bool { return inUse(err) }

// Remove removes the file at path like os.Remove.
func Remove(path string) error {
	p, err := openParent(path)
	if err != nil {
		return err
	}
	defer p.close()
	return patiently(func() error { return p.remove(filepath.Base(path)) })
}

// RemoveSame removes the file at path, of whatever kind, if it is the one that f was got of. That it is not, or that there is none, is no error: somebody else was there before.
func RemoveSame(path string, f fs.FileInfo) error {
	p, err := openParent(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.close()
	is, err := p.names(filepath.Base(path), f)
	if is && err == nil {
		err = p.remove(filepath.Base(path))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Link is os.Link within one directory, that of from.
func Link(from, to string) error {
	p, err := openParent(from)
	if err != nil {
		return err
	}
	defer p.close()
	return p.link(filepath.Base(from), filepath.Base(to))
}

// Rename is os.Rename within one directory, that of from.
func Rename(from, to string) error {
	p, err := openParent(from)
	if err != nil {
		return err
	}
	defer p.close()
	return p.rename(filepath.Base(from), filepath.Base(to))
}

// SetTime sets the times of the file at path, and not those of what a link there leads to.
func SetTime(path string, t time.Time) error {
	p, err := openParent(path)
	if err != nil {
		return err
	}
	defer p.close()
	return p.setTime(filepath.Base(path), t)
}

// Names reports whether path is a name of the file that f was got of. An error is why that cannot be found out; a missing path or directory is none.
func Names(path string, f fs.FileInfo) (bool, error) {
	p, err := openParent(path)
	if err == nil {
		defer p.close()
		var is bool
		if is, err = p.names(filepath.Base(path), f); err == nil {
			return is, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return false, err
}

// List returns the names in the directory of path, in no order.
func List(path string) ([]string, error) {
	p, err := openParent(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return p.list()
}

// patience bounds how long a file that is in use is waited for, patienceEvery is how often it is tried at most.
const (
	patience      = time.Second
	patienceEvery = 20 * time.Millisecond
)

// patiently does f again for up to patience while it fails because somebody has the file open. On Windows such a file can be neither replaced nor removed unless it was
// opened with FILE_SHARE_DELETE (MoveFileEx, DeleteFile: ERROR_SHARING_VIOLATION or ERROR_ACCESS_DENIED), which os.Open does not ask for; readers of our
// files are short.
func patiently(f func() error) error {
	bound := time.NewTimer(patience)
	defer bound.Stop()
	for wait := time.Millisecond; ; wait = min(2*wait, patienceEvery) {
		err := f()
		if err == nil || !inUse(err) {
			return err
		}
		select { // polling: nothing tells when a reader is done
		case <-time.After(wait):
		case <-bound.C:
			return err
		}
	}
}

const tempSuffix = ".tmp"

// tempPrefix is what the names of the temporary files of Replace begin with.
func tempPrefix(base string) string { return "." + base + "." }

// RemoveTemps removes the temporary files of processes that were killed in Replace. Nobody else may be replacing path meanwhile. What cannot be removed stays.
func RemoveTemps(path string) {
	p, err := openParent(path)
	if err != nil {
		return
	}
	defer p.close()
	names, _ := p.list() // what cannot be listed stays too
	for _, name := range names {
		if strings.HasPrefix(name, tempPrefix(filepath.Base(path))) && strings.HasSuffix(name, tempSuffix) {
			_ = p.remove(name)
		}
	}
}

// Check refuses fi, of the file at path, with ErrUnsafe unless it is a regular file with one name.
func Check(path string, fi fs.FileInfo) error {
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		return refuse(path, "is a symbolic link")
	case fi.IsDir():
		return refuse(path, "is a directory")
	case !fi.Mode().IsRegular():
		return refuse(path, "is not a regular file")
	case links(path, fi) > 1:
		return refuse(path, "has more than one name (hard link)")
	}
	return nil
}

func refuse(path, why string) error {
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w: it %s", ErrUnsafe, why)}
}
