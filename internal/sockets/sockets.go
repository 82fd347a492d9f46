// Package sockets holds a daemon's listening sockets: it opens them, or takes them from the manager that opened them, keeps them while the workload
// restarts, and hands them to each run as sd_listen_fds(3) says. Connections that come between two runs wait in the kernel's queue (listen(2)).
//
// It reads the environment itself rather than with go-systemd's activation package, which links crypto/tls and net into every command, and whose files
// know neither which of them the configuration means nor whether they are what it says.
package sockets

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// Options says which sockets, and from whom.
type Options struct {
	Sockets []service.Socket
	Managed bool // a manager that hands sockets over runs this process: it must have them, and none is opened here
	Take    bool // take what is in the environment even where no socket is configured, so that no child inherits it
}

// Holder has the sockets of one daemon. The zero value has none. It belongs to one goroutine, but for Files.
type Holder struct {
	o     Options
	given given // what a manager handed over
	err   error // why that cannot be used
	held  []held
	open  bool
}

// held is one open socket.
type held struct {
	service.Socket
	file   *os.File
	remove func() error // the Unix socket's file, where we made it; else nil
}

// New takes what a manager addressed to this process (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES) and removes those variables from the environment; nothing
// is opened. Call it before any child is started: until then the descriptors would be inherited.
func New(o Options) *Holder {
	h := &Holder{o: o}
	if len(o.Sockets) > 0 || o.Take {
		var err error
		if h.given, err = take(); err != nil && len(o.Sockets) > 0 {
			h.err = &Error{Socket: o.Sockets[0], Err: err, Advice: "whatever started apexd has to set LISTEN_FDS and LISTEN_FDNAMES as sd_listen_fds(3) says"}
		}
	}
	return h
}

// Ignored are the names of the sockets that a manager handed over and no socket is configured for.
func (h *Holder) Ignored() []string {
	var out []string
	for _, name := range h.given.names {
		if !slices.ContainsFunc(h.o.Sockets, func(s service.Socket) bool { return s.Name == name }) {
			out = append(out, name)
		}
	}
	return out
}

// Open opens the sockets, all or none, or finds them among those that were handed over. It returns them with the addresses they have now, or nil when they
// have been opened before. Errors: *Error.
func (h *Holder) Open() ([]service.Socket, error) {
	if h.open || len(h.o.Sockets) == 0 {
		return nil, nil
	}
	if h.err != nil {
		return nil, h.err
	}
	for _, s := range h.o.Sockets {
		got, err := h.one(s)
		if err != nil {
			return nil, errors.Join(err, h.Close())
		}
		h.held = append(h.held, got...)
	}
	h.open = true
	out := make([]service.Socket, len(h.held))
	for i := range h.held {
		out[i] = h.held[i].Socket
	}
	return out, nil
}

// one is what s stands for: one socket, or those that a manager has under its name.
func (h *Holder) one(s service.Socket) ([]held, error) {
	if h.o.Managed || len(h.given.names) > 0 {
		got, err := h.given.find(s)
		h.err = err // what was not handed over will not be, and Close closes the others
		return got, err
	}
	got, err := listen(s)
	if err != nil {
		return nil, &Error{Socket: s, Err: err, Advice: advice(s, err)}
	}
	return []held{got}, nil
}

// Files are duplicates of the sockets, in order, each with its socket's name, for the caller to close. It is safe from any goroutine between Open and
// Close.
func (h *Holder) Files() ([]*os.File, error) {
	var out []*os.File
	for _, s := range h.held {
		f, err := duplicate(s.file, s.Name)
		if err != nil {
			for _, f := range out {
				_ = f.Close() // a duplicate: nothing is lost
			}
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// Close closes the sockets and removes the files of those Unix sockets that were made here. Sockets that were opened here may be opened again.
func (h *Holder) Close() error {
	var errs []error
	for _, s := range h.held {
		if s.remove != nil {
			errs = append(errs, s.remove())
		}
		if s.file != nil {
			errs = append(errs, s.file.Close())
		}
	}
	h.held, h.open = nil, false
	return errors.Join(errs...)
}

// withoutListen is env without the variables of sd_listen_fds(3). env is not changed.
func withoutListen(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return slices.Contains(listenVariables[:], key)
	})
}

// listenVariables are those of sd_listen_fds(3). The list is not changed.
var listenVariables = [...]string{"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"}
