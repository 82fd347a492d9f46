package install

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/service"
)

// Unit is one unit file that goes with the service.
type Unit struct{ Name, Text string }

// socketUnit is the name of the unit of one of r's sockets. FileDescriptorName= holds for all that a unit opens, so that each has its own.
func (r Request) socketUnit(s service.Socket) string { return r.name() + "-" + s.Name + ".socket" }

// triggers bounds how often connections may start the service: more often than a workload that works can be restarted, less than one ends that cannot start.
// systemd's own bound, 20 in 2 s, is met by restarts without a delay (systemd.socket(5), TriggerLimitIntervalSec=).
const triggers = "200"

// socketsOf renders the .socket units of r. They have no [Install] section: the service requires them, so that they are there when it is, and not without it.
func socketsOf(r Request, reg service.Registration) ([]Unit, error) {
	var out []Unit
	for _, s := range r.Spec.Sockets {
		lines, err := socketSection(r, reg, s)
		if err != nil {
			return nil, fmt.Errorf("sockets.%s: %w", s.Name, err)
		}
		unit := section{"Unit", []setting{
			{"Description", fmt.Sprintf("Socket %s of the APEX daemon of %s (%s)", s.Name, words(r.Spec.Project), r.Spec.Name)},
			{"StartLimitIntervalSec", "0"}, // starting and stopping by hand is no crash loop; the service has a limit
		}}
		name := r.socketUnit(s)
		own := reg
		own.Service = name
		out = append(out, Unit{name, render(r.Version, own, []section{unit, lines, ownership(r)})})
	}
	return out, nil
}

func socketSection(r Request, reg service.Registration, s service.Socket) (section, error) {
	var set []setting
	for _, line := range sockets.UnitLines(s) {
		key, value, _ := strings.Cut(line, "=")
		set = append(set, setting{key, value})
	}
	set = append(set, setting{"Service", reg.Service}, setting{"TriggerLimitIntervalSec", "10s"}, setting{"TriggerLimitBurst", triggers})
	if path := s.UnixPath(); path != "" {
		if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) || strings.ContainsAny(path[len(path)-1:], ` \`) { // of the project, whose path may have any byte
			return section{}, fmt.Errorf("systemd has no way to say the path %q", path)
		}
		if r.User != "" && r.User != "root" { // the system's manager makes the file as root
			set = append(set, setting{"SocketUser", r.User})
		}
		return section{"Socket", set}, nil
	}
	a, err := netip.ParseAddrPort(s.Address)
	switch {
	case err != nil:
		return section{}, err
	case a.Port() == 0:
		return section{}, errors.New("systemd does not choose a port: write one")
	case !a.Addr().IsUnspecified() && !a.Addr().IsLoopback(): // at boot the machine may not have the address yet (systemd.socket(5), FreeBind=)
		set = append(set, setting{"FreeBind", "yes"})
	}
	return section{"Socket", set}, nil
}

// requires are the settings of the service's sections that tie it to its sockets. Sockets= alone would start it without one that cannot be opened.
func requires(units []Unit) (unit, serv []setting) {
	if len(units) == 0 {
		return nil, nil
	}
	var names []string
	for _, u := range units {
		names = append(names, u.Name)
	}
	all := strings.Join(names, " ")
	return []setting{{"Requires", all}, {"After", all}}, []setting{{"Sockets", all}}
}

// side is what was found of a .socket unit.
type side struct {
	name   string
	wanted bool // the configuration has it
	unit   systemd.Unit
	what   standing
	text   string
}

// sides finds the .socket units called names, and what else there is of the service's: files of ours, and units that the manager has in memory without one.
func (s *Systemd) sides(ctx context.Context, f found, unit string, o owner, names []string) ([]side, error) {
	prefix := strings.TrimSuffix(unit, ".service") + "-"
	matches, _ := filepath.Glob(filepath.Join(escapeGlob(s.dir), prefix+"*.socket")) // the pattern is well formed
	all := slices.Clone(names)
	for _, path := range matches {
		all = append(all, filepath.Base(path))
	}
	for _, name := range f.unit.TriggeredBy {
		if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, ".socket") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	var out []side
	for _, name := range slices.Compact(all) {
		d := side{name: name, wanted: slices.Contains(names, name)}
		var err error
		if d.what, d.text, err = look(filepath.Join(s.dir, name)); err != nil {
			return nil, err
		}
		if who, ours := ownerOf(d.text); d.text != "" && (!ours || who != o) && !d.wanted {
			continue // another daemon's, whose name begins like ours
		}
		if d.unit, err = s.manager.Unit(ctx, name); err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// socketFiles are what is to be done with the files of f's sockets: those that are wanted, and those of ours that are no more.
func (s *Systemd) socketFiles(f found, want []Unit) []File {
	var out []File
	for _, d := range f.sides {
		file := File{Path: filepath.Join(s.dir, d.name), Mode: "0644", Old: d.text, perm: unitMode, exists: d.what == standsFile}
		if i := slices.IndexFunc(want, func(u Unit) bool { return u.Name == d.name }); i >= 0 {
			file.New = want[i].Text
		} else if !file.exists {
			continue
		}
		if file.exists {
			file.Diff = Diff(file.Old, file.New)
		}
		out = append(out, file)
	}
	return out
}

// stopSockets stops those of the sockets that which says, and with each, the service that requires it.
func (s *Systemd) stopSockets(ctx context.Context, f found, r Request, which func(side) bool) error {
	var errs []error
	for _, d := range f.sides {
		if which(d) {
			errs = append(errs, s.stop(ctx, d.name, r.Spec.StopTimeout))
		}
	}
	return errors.Join(errs...)
}
