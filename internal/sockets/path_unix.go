//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// bindUnix binds fd to the path of s, in place of a stale socket of this user if there is one. The file has its mode from the moment it exists: bind(2)
// takes it from the umask, which is the whole process's, for these few microseconds.
//
// The directory is held meanwhile: where others can put another one in its place, it is bound in the one that was found, through a name that the program sees (getsockname(2)).
func bindUnix(s service.Socket, fd int) (remove func() error, err error) {
	path := s.UnixPath()
	held, release, err := safefile.Hold(path)
	if err != nil {
		return nil, err
	}
	defer release()
	sa := &unix.SockaddrUnix{Name: path}
	if !safefile.Ours(filepath.Dir(path)) {
		sa.Name = held
	}
	bind := func() error {
		old := unix.Umask(int(0o777 &^ s.Mode))
		defer unix.Umask(old)
		return os.NewSyscallError("bind", unix.Bind(fd, sa))
	}
	if err = bind(); errors.Is(err, syscall.EADDRINUSE) {
		if err = removeStale(path, held, s.Kind); err == nil {
			err = bind()
		}
	}
	if err != nil {
		return nil, err
	}
	made, err := os.Lstat(held)
	if err != nil {
		return nil, err
	}
	return func() error { return safefile.RemoveSame(path, made) }, nil
}

// removeStale removes the socket at path if it is this user's and nobody has it bound. held leads to it in the directory that is there now. What it is told by comes
// before and after the question, so that another daemon's new socket is not removed in its place.
func removeStale(path, held string, kind service.SocketKind) error {
	fi, err := os.Lstat(held)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case fi.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%w: it is no socket", errNotOurs)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: it belongs to another user", errNotOurs)
	}
	if err := unused(held, kind); err != nil {
		return err
	}
	return safefile.RemoveSame(path, fi)
}

// unused is nil when no process has the socket at path bound: connecting is then refused (connect(2)). To a datagram socket connecting sends nothing; a
// stream socket that is live sees a connection that ends at once.
func unused(path string, kind service.SocketKind) error {
	fd, err := newSocket(unix.AF_UNIX, socketType(kind))
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // the queue of a live one may be full
		return os.NewSyscallError("fcntl", err)
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return os.NewSyscallError("bind", syscall.EADDRINUSE)
}
