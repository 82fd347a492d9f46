package sockets

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/joshuaaferguson/apexd/service"
)

// Error says which socket cannot be had, and why.
type Error struct {
	Socket service.Socket
	Err    error
	Advice string // what the user can do, or ""
}

// Error names the key and the address.
func (e *Error) Error() string {
	return "cannot open sockets." + e.Socket.Name + " at " + e.Socket.Address + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint returns Advice.
func (e *Error) Hint() string { return e.Advice }

// errNotOurs says that what is in the way of a Unix socket is not to be removed.
var errNotOurs = errors.New("something that is no stale socket of this user is there")

// advice is what to do about err of opening s.
func advice(s service.Socket, err error) string {
	key := "sockets." + s.Name
	if path := s.UnixPath(); path != "" {
		switch {
		case errors.Is(err, errNotOurs):
			return "remove " + path + ", or change " + key
		case errors.Is(err, syscall.EADDRINUSE):
			return "end the process that listens there, or change " + key
		case errors.Is(err, fs.ErrNotExist):
			return "make the directory " + filepath.Dir(path)
		case errors.Is(err, fs.ErrPermission):
			return "make the directory " + filepath.Dir(path) + " writable for this user, or change " + key
		}
		return "change " + key
	}
	port := s.Address[strings.LastIndexByte(s.Address, ':')+1:]
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return `another program listens there ("lsof -i :` + port + `" tells which to its user and to root): end it, or change ` + key
	case errors.Is(err, fs.ErrPermission):
		return "a port below 1024 needs privileges: change " + key + " to a higher one, or have a system manager open it"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have that address: change " + key
	}
	return "change " + key
}
