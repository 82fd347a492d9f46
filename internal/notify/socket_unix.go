//go:build unix

package notify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

const haveSockets = true

const (
	dirPrefix = "apexd-notify-"
	sockName  = "s"

	// maxPath fits sockaddr_un.sun_path with its NUL on every system: 104 bytes on macOS and the BSDs, 108 on Linux (unix(4), unix(7)).
	maxPath = 103

	// leftoverAge keeps the clean-up away from a directory whose owner is between mkdir and bind.
	leftoverAge = time.Minute
)

// listenPath opens a path socket in a private directory below the first of dir, $TMPDIR and /tmp where that works. One in which others could put another directory in its
// place, before bind(2) or before it is removed, does not.
func listenPath(dir string) (*net.UnixConn, func() error, error) {
	var errs []error
	for _, parent := range []string{dir, os.TempDir(), "/tmp"} {
		if parent == "" || !safefile.Ours(parent) {
			continue
		}
		removeLeftovers(parent)
		conn, remove, err := listenBelow(parent)
		if err == nil {
			return conn, remove, nil
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

func listenBelow(parent string) (*net.UnixConn, func() error, error) {
	parent, err := filepath.Abs(parent) // the workload may have another working directory
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(parent, dirPrefix+"*") // mode 0700
	if err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, sockName)
	remove := func() error { return removeDir(dir) }
	if len(path) > maxPath {
		return nil, nil, errors.Join(fmt.Errorf("the path of the socket is %d bytes long, more than %d", len(path), maxPath), remove())
	}
	conn, err := bind(path)
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return conn, remove, nil
}

// bind opens the socket with the options that must be set before the first message can come.
func bind(address string) (*net.UnixConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = askCredentials(int(fd)) }), err)
	}}
	conn, err := lc.ListenPacket(context.Background(), "unixgram", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// removeDir removes the socket and its directory, and nothing else that somebody may have put there.
func removeDir(dir string) error {
	var errs []error
	for _, path := range []string{filepath.Join(dir, sockName), dir} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeLeftovers removes the directories of daemons that were killed. Failures do not matter: the next daemon tries again.
func removeLeftovers(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if dir := filepath.Join(parent, e.Name()); strings.HasPrefix(e.Name(), dirPrefix) && abandoned(dir) {
			removeDir(dir)
		}
	}
}

// abandoned reports whether dir is a directory of this user in which nobody listens any more. Connecting a datagram socket sends
// nothing; ECONNREFUSED says that the file is there and no process has it bound (connect(2)).
func abandoned(dir string) bool {
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || fi.Mode().Perm() != 0o700 || time.Since(fi.ModTime()) < leftoverAge {
		return false
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
		return false
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: filepath.Join(dir, sockName), Net: "unixgram"})
	if err == nil {
		conn.Close()
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// sizeofFD is that of a descriptor in SCM_RIGHTS, a C int (unix(7)).
const sizeofFD = 4

// parseControl takes the ancillary data of one datagram apart. Descriptors are close-on-exec already (package net).
func parseControl(b []byte) (sender, descriptors) {
	from := sender{uid: -1}
	if len(b) == 0 {
		return from, nil
	}
	messages, err := syscall.ParseSocketControlMessage(b)
	if err != nil {
		return from, nil
	}
	var fds descriptors
	for i := range messages {
		if len(messages[i].Data)%sizeofFD != 0 { // the kernel sends none such, and ParseUnixRights would read beyond its end
			continue
		}
		if got, err := syscall.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		} else if s, ok := credentials(&messages[i]); ok {
			from = s
		}
	}
	return from, fds
}

// waiting reports whether a read of fd would not block.
func waiting(fd uintptr) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || n > 0
		}
	}
}

func truncated(flags int) bool { return flags&syscall.MSG_TRUNC != 0 }

// close releases the sender of a barrier and drops what was meant for a descriptor store.
func (d descriptors) close() {
	for _, fd := range d {
		syscall.Close(fd)
	}
}
