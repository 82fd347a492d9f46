package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	kservice "github.com/kardianos/service"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func openSCM(scope service.Scope) (Installer, error) {
	if scope == service.ScopeUser {
		return nil, &service.Error{
			Op: "find a service manager", Code: service.CodeUnsupported, Err: errors.New("Windows has no service manager of a user's own"),
			Hint: "apexd install without --user, as an administrator",
		}
	}
	return &SCM{manager: windowsSCM{}, running: pidfile.Ref.Look}, nil
}

// windowsSCM is the real one.
type windowsSCM struct{}

func (windowsSCM) Find(name string) (f serviceFound, err error) {
	if f.Definition, f.Key, err = winsvc.Read(name); err != nil {
		return f, err
	}
	f.Definition.Name = name
	f.Source = winsvc.HasSource(name)
	s, err := winsvc.Open(name, winsvc.Inspect)
	if errors.Is(err, winsvc.ErrNotInstalled) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	defer s.Close()
	f.Registered, f.Definition.Recovery = true, s.Recovery()
	f.Status, err = s.Query()
	return f, err
}

// readService reads the service called name.
func readService(name string) Asked {
	d, exists, err := winsvc.Read(name)
	if err != nil || !exists {
		return Asked{}
	}
	d.Name = name
	return askedOf(d)
}

// systemOfWindows is the library's name for the SCM.
const systemOfWindows = "windows-service"

// Create has the library register the service and its event source. It does not get the environment, which it would write before it looks whether the service exists, nor
// recovery actions, of which it knows one kind: Configure has them.
func (windowsSCM) Create(d winsvc.Definition, password string) error {
	argv := winsvc.Argv(d.ImagePath)
	config := &kservice.Config{
		Name: d.Name, DisplayName: d.DisplayName, Description: d.Description, UserName: d.Account, Executable: argv[0], Arguments: argv[1:], Dependencies: d.Depends,
		Option: kservice.KeyValue{kservice.StartType: kservice.ServiceStartManual, "Password": password},
	}
	for _, system := range kservice.AvailableSystems() {
		if system.String() != systemOfWindows {
			continue
		}
		s, err := system.New(nil, config)
		if err != nil {
			return err
		}
		return s.Install()
	}
	return errors.ErrUnsupported
}

func (windowsSCM) Configure(d winsvc.Definition, r winsvc.Recovery, password string) (told bool, err error) {
	s, err := winsvc.Open(d.Name, winsvc.Change)
	if err != nil {
		return false, err
	}
	defer s.Close()
	if err := s.Configure(d, password); err != nil {
		return false, err
	}
	return s.Recover(r)
}

func (windowsSCM) AddSource(name string) error    { return winsvc.AddSource(name) }
func (windowsSCM) RemoveSource(name string) error { return winsvc.RemoveSource(name) }
func (windowsSCM) RemoveKey(name string) error    { return winsvc.RemoveKey(name) }

func (windowsSCM) Security(path string) (string, bool, error) { return winsvc.Security(path) }
func (windowsSCM) Grant(dir, sid string) error                { return winsvc.Grant(dir, sid) }
func (windowsSCM) Revoke(dir, sid string) error               { return winsvc.Revoke(dir, sid) }

func (windowsSCM) Start(ctx context.Context, name string) error {
	s, err := winsvc.Open(name, winsvc.Operate)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Start(); err != nil && !errors.Is(err, winsvc.ErrStarted) {
		return err
	}
	st, err := s.Wait(ctx, func(st winsvc.Status) bool { return st.State != winsvc.StartPending })
	if err == nil && st.State != winsvc.Running {
		err = fmt.Errorf("it is %s", st.Native())
	}
	return err
}

func (windowsSCM) Stop(ctx context.Context, name string) error {
	s, err := winsvc.Open(name, winsvc.Operate)
	if errors.Is(err, winsvc.ErrNotInstalled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer s.Close()
	for { // while it starts, the SCM passes nothing on
		sent, err := s.Stop()
		if err != nil {
			return err
		}
		st, err := s.Wait(ctx, func(st winsvc.Status) bool { return st.State == winsvc.Stopped || !sent && st.State == winsvc.Running })
		if err != nil {
			return fmt.Errorf("it does not stop, and is %s: %w", st.Native(), err)
		}
		if st.State == winsvc.Stopped {
			return nil
		}
	}
}

// deletedEvery is how often Delete looks: nothing tells of a service's end to who has not got it open, and to have it open would keep it.
const deletedEvery = 20 * time.Millisecond

func (windowsSCM) Delete(ctx context.Context, name string) error {
	s, err := winsvc.Open(name, winsvc.Change)
	if err == nil {
		err = s.Delete()
		s.Close()
	}
	for err == nil {
		var s *winsvc.Service
		if s, err = winsvc.Open(name, winsvc.Look); err == nil {
			s.Close()
		}
		if err != nil && !errors.Is(err, winsvc.ErrDeleting) {
			break
		}
		select {
		case <-time.After(deletedEvery):
			err = nil
		case <-ctx.Done():
			return winsvc.ErrDeleting
		}
	}
	if errors.Is(err, winsvc.ErrNotInstalled) {
		return nil
	}
	return err
}
