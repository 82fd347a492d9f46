package sockets

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// firstFD is the descriptor of the first socket (SD_LISTEN_FDS_START, sd_listen_fds(3)).
const firstFD = 3

// maxGiven bounds LISTEN_FDS; systemd's own default limit of open files is 1024.
const maxGiven = 1024

// given is what a manager handed over: the name of each descriptor from firstFD on.
type given struct{ names []string }

// parse reads the variables of sd_listen_fds(3). What is addressed to another process is not ours.
func parse(lookup func(string) string, pid int) (given, error) {
	if lookup("LISTEN_PID") != strconv.Itoa(pid) {
		return given{}, nil
	}
	n, err := strconv.Atoi(lookup("LISTEN_FDS"))
	if err != nil || n < 0 || n > maxGiven {
		return given{}, fmt.Errorf("LISTEN_FDS is %q, which is no number of descriptors", lookup("LISTEN_FDS"))
	}
	g := given{names: make([]string, n)}
	for i := range g.names {
		g.names[i] = "unknown" // as sd_listen_fds_with_names(3) has it
	}
	if all := lookup("LISTEN_FDNAMES"); all != "" {
		g.names = strings.Split(all, ":")
	}
	if len(g.names) != n {
		return given{}, fmt.Errorf("LISTEN_FDNAMES has %d names for %d descriptors", len(g.names), n)
	}
	return g, nil
}

// find is the open sockets under the name of s: several where the unit has more than one ListenStream=.
func (g given) find(s service.Socket) ([]held, error) {
	var out []held
	for i, name := range g.names {
		if name != s.Name {
			continue
		}
		h, err := inherited(s, firstFD+i)
		if err != nil {
			return nil, &Error{Socket: s, Err: fmt.Errorf("descriptor %d, which the manager handed over: %w", firstFD+i, err), Advice: reinstall}
		}
		out = append(out, h)
	}
	if out == nil {
		return nil, &Error{Socket: s, Err: errors.New("the manager that runs this daemon did not hand it over"), Advice: reinstall}
	}
	return out, nil
}

const reinstall = `its .socket unit is missing, stopped or of an older configuration: "apexd install" makes it again`
