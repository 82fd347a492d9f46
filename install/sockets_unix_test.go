//go:build unix

package install

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// withSockets is r with these sockets, "name:port".
func withSockets(r Request, all ...string) Request {
	r.Spec.Sockets = nil
	for _, s := range all {
		name, port, _ := strings.Cut(s, ":")
		r.Spec.Sockets = append(r.Spec.Sockets, service.Socket{Name: name, Kind: service.SocketStream, Address: "127.0.0.1:" + port})
	}
	return r
}

// TestSockets: the sockets' units are a part of the plan, of its opposite, and of whether all is up to date.
func TestSockets(t *testing.T) {
	r := withSockets(request(), "http:81", "control:82")
	r.Now = true
	http, control := r.name()+"-http.socket", r.name()+"-control.socket"
	m, s := installed(t, r)
	if m.active[http] != "active" || m.active[control] != "active" {
		t.Errorf("active: %v", m.active)
	}
	if p := plan(t, s, r); !p.UpToDate || len(p.Files) != 3 {
		t.Errorf("again: %s", p)
	}
	stranger := withSockets(request(), "http:83")
	stranger.Spec.Name = "web" // its units begin with the same letters
	if err := plan(t, s, stranger).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	less := withSockets(r, "http:81")
	less.Now = false
	p := plan(t, s, less)
	if p.UpToDate || !p.Restart || !strings.Contains(p.String(), "remove "+filepath.Join(m.etc, control)) || !slices.Contains(p.Commands, "systemctl stop "+control) {
		t.Errorf("without one: %s", p)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m.active[control] != "" || m.active[http] != "active" || m.active[r.name()+".service"] != "active" {
		t.Errorf("active: %v", m.active)
	}
	if p, err := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name); err != nil {
		t.Fatal(err)
	} else if err := p.Apply(t.Context()); err != nil || !slices.Equal(p.Commands[:2], []string{"systemctl stop " + http, "systemctl stop " + r.name() + ".service"}) {
		t.Errorf("%v, %q", err, p.Commands)
	}
	files, _ := filepath.Glob(filepath.Join(m.etc, "*.s*"))
	if want := []string{filepath.Join(m.etc, stranger.name()+"-http.socket"), filepath.Join(m.etc, stranger.name()+".service")}; !slices.Equal(files, want) || len(m.active) != 0 {
		t.Errorf("left: %q, %v", files, m.active)
	}
}

// TestSocketNameTaken: the socket web-http of one daemon and the socket http of the daemon web have the same unit.
func TestSocketNameTaken(t *testing.T) {
	r := withSockets(request(), "web-http:81")
	_, s := installed(t, r)
	web := withSockets(request(), "http:82")
	web.Spec.Name = "web"
	if _, err := s.Install(t.Context(), web); !errors.Is(err, service.ErrServiceExists) {
		t.Error(err)
	}
}
