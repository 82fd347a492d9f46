package winsvc

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// Read reads the definition of the service called name out of the registry, which everybody may, and which asks nobody. exists is false where there is no key. What is
// missing of a key that was damaged is empty.
func Read(name string) (d Definition, exists bool, err error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, Root+name, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return d, false, nil
	}
	if err != nil {
		return d, false, fmt.Errorf(`registry key %q: %w`, Root+name, err)
	}
	defer k.Close()
	text := func(k registry.Key, value string) string {
		s, _, _ := k.GetStringValue(value) // one that is not there, or another type, is no text
		return s
	}
	d = Definition{
		Name: name, DisplayName: text(k, "DisplayName"), Description: text(k, "Description"), ImagePath: text(k, "ImagePath"), Account: text(k, "ObjectName"),
	}
	d.Depends, _, _ = k.GetStringsValue("DependOnService") // as above
	d.Environment, _, _ = k.GetStringsValue("Environment") // as above
	d.Start = startType(k)
	if t, _, err := k.GetIntegerValue(sidTypeValue); err == nil {
		d.OwnSID = t == windows.SERVICE_SID_TYPE_UNRESTRICTED
	}
	if ms, _, err := k.GetIntegerValue("PreshutdownTimeout"); err == nil {
		d.Preshutdown = time.Duration(ms) * time.Millisecond
	}
	return d, true, nil
}

func startType(k registry.Key) StartType {
	start, _, err := k.GetIntegerValue("Start")
	switch {
	case err != nil:
		return ""
	case start == windows.SERVICE_DISABLED:
		return Disabled
	case start != windows.SERVICE_AUTO_START:
		return Manual
	}
	if delayed, _, err := k.GetIntegerValue("DelayedAutostart"); err == nil && delayed != 0 {
		return Delayed
	}
	return Automatic
}

// Registered reports whether there is a service, which a key alone is not: what DeleteService leaves of a damaged one is a key.
func Registered(name string) (bool, error) {
	s, err := Open(name, Look)
	if errors.Is(err, ErrNotInstalled) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.Close()
	return true, nil
}

// Configure makes the service be what d says. password is its account's, "" leaves it alone.
func (s *Service) Configure(d Definition, password string) error {
	start := map[StartType]uint32{
		Automatic: windows.SERVICE_AUTO_START, Delayed: windows.SERVICE_AUTO_START, Manual: windows.SERVICE_DEMAND_START, Disabled: windows.SERVICE_DISABLED,
	}[d.Start]
	var texts [4]*uint16
	for i, t := range []string{d.ImagePath, d.Account, d.DisplayName, password} {
		if t == "" {
			continue
		}
		var err error
		if texts[i], err = windows.UTF16PtrFromString(t); err != nil {
			return fmt.Errorf("%q: %w", t, err)
		}
	}
	err := windows.ChangeServiceConfig(s.h, windows.SERVICE_NO_CHANGE, start, windows.SERVICE_NO_CHANGE, texts[0], nil, nil, doubleNull(d.Depends), texts[1], texts[3], texts[2])
	if err != nil {
		return known("ChangeServiceConfig", err)
	}
	return errors.Join(s.describe(d.Description), s.delay(d.Start), s.identify(d.OwnSID), s.preshutdown(d.Preshutdown), setEnvironment(d.Name, d.Environment))
}

// doubleNull is a list as the SCM wants it; an empty one takes away what there was.
func doubleNull(list []string) *uint16 {
	var b []uint16
	for _, s := range list {
		u, err := windows.UTF16FromString(s)
		if err != nil {
			continue // names of services have no NUL
		}
		b = append(b, u...)
	}
	b = append(b, 0, 0)
	return &b[0]
}

func (s *Service) describe(text string) error {
	p, err := windows.UTF16PtrFromString(text)
	if err != nil {
		return fmt.Errorf("description %q: %w", text, err)
	}
	d := windows.SERVICE_DESCRIPTION{Description: p}
	if err := windows.ChangeServiceConfig2(s.h, windows.SERVICE_CONFIG_DESCRIPTION, (*byte)(unsafe.Pointer(&d))); err != nil {
		return known("ChangeServiceConfig2, description", err)
	}
	return nil
}

func (s *Service) delay(t StartType) error {
	var d windows.SERVICE_DELAYED_AUTO_START_INFO
	if t == Delayed {
		d.IsDelayedAutoStartUp = 1
	}
	err := windows.ChangeServiceConfig2(s.h, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (*byte)(unsafe.Pointer(&d)))
	if err != nil && t == Delayed {
		return known("ChangeServiceConfig2, delayed start", err)
	}
	return nil // what is not supported is not set either
}

// sidTypeValue is where the registry has the type of a service's SID.
const sidTypeValue = "ServiceSidType"

// identify puts the service's SID into the token of its process, or leaves it out.
func (s *Service) identify(own bool) error {
	t := uint32(windows.SERVICE_SID_TYPE_NONE)
	if own {
		t = windows.SERVICE_SID_TYPE_UNRESTRICTED
	}
	err := windows.ChangeServiceConfig2(s.h, windows.SERVICE_CONFIG_SERVICE_SID_INFO, (*byte)(unsafe.Pointer(&t)))
	switch {
	case errors.Is(err, windows.ERROR_INVALID_LEVEL) && own: // Wine does not know it; this is where it would be
		return setValue(s.name, sidTypeValue, func(k registry.Key) error { return k.SetDWordValue(sidTypeValue, t) })
	case errors.Is(err, windows.ERROR_INVALID_LEVEL):
		return setValue(s.name, sidTypeValue, func(k registry.Key) error { return deleteValue(k, sidTypeValue) })
	case err != nil:
		return known("ChangeServiceConfig2, SID", err)
	}
	return nil
}

// preshutdown sets how long Windows waits for the service before it shuts down: 10 s unless told, three minutes before Windows 10 1703 (SERVICE_PRESHUTDOWN_INFO).
func (s *Service) preshutdown(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	ms := uint32(min(d/time.Millisecond, math.MaxUint32-1))
	if err := windows.ChangeServiceConfig2(s.h, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, (*byte)(unsafe.Pointer(&ms))); err != nil {
		return known("ChangeServiceConfig2, preshutdown", err)
	}
	return nil
}

// Recover sets what the SCM does when the service fails, by its end without a word and by any but a good exit status. told is false where the system does not say what it
// has, so that it cannot be verified: Wine takes the actions and forgets them.
func (s *Service) Recover(r Recovery) (told bool, err error) {
	m := mgr.Service{Handle: s.h, Name: s.name}
	if len(r.Delays) == 0 {
		err = m.ResetRecoveryActions()
	} else {
		var actions []mgr.RecoveryAction
		for _, d := range r.Delays {
			actions = append(actions, mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: d})
		}
		if r.GiveUp {
			actions = append(actions, mgr.RecoveryAction{Type: mgr.NoAction})
		}
		err = m.SetRecoveryActions(actions, uint32(min(r.Reset/time.Second, math.MaxUint32-1)))
	}
	if err != nil {
		return false, fmt.Errorf("recovery actions: %w", err)
	}
	err = m.SetRecoveryActionsOnNonCrashFailures(len(r.Delays) > 0)
	have, e := s.recovery()
	if e != nil {
		return false, nil // what cannot be read back cannot have been refused either
	}
	if err != nil {
		return true, fmt.Errorf("recovery actions after an exit status: %w", err)
	}
	if have != r.String() {
		return true, fmt.Errorf("recovery actions are %q, not %q", have, r)
	}
	return true, nil
}

// Recovery is the Recovery.String of what the SCM has, "" where it does not say.
func (s *Service) Recovery() string {
	have, _ := s.recovery() // Wine has no answer
	return have
}

func (s *Service) recovery() (string, error) {
	m := mgr.Service{Handle: s.h, Name: s.name}
	actions, err := m.RecoveryActions()
	if err != nil {
		return "", err
	}
	reset, err := m.ResetPeriod()
	if err != nil {
		return "", err
	}
	r := Recovery{Reset: time.Duration(reset) * time.Second}
	for _, a := range actions {
		switch a.Type {
		case mgr.ServiceRestart:
			r.Delays = append(r.Delays, a.Delay)
		case mgr.NoAction:
			r.GiveUp = true
		default:
			return "something else: see the Services console", nil
		}
	}
	if flag, err := m.RecoveryActionsOnNonCrashFailures(); err == nil && !flag && len(r.Delays) > 0 {
		return r.String() + "; not after an exit status", nil
	}
	return r.String(), nil
}

// setEnvironment is what the SCM has no call for: it reads the value when it starts the service. It is written when the service is there, never before: the key alone would
// be half a service.
func setEnvironment(name string, env []string) error {
	return setValue(name, "Environment", func(k registry.Key) error {
		if len(env) > 0 {
			return k.SetStringsValue("Environment", env)
		}
		return deleteValue(k, "Environment")
	})
}

func deleteValue(k registry.Key, value string) error {
	if err := k.DeleteValue(value); !errors.Is(err, registry.ErrNotExist) {
		return err
	}
	return nil
}

// setValue changes a value of the service's key.
func setValue(name, value string, change func(registry.Key) error) error {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, Root+name, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("registry key %q: %w", Root+name, err)
	}
	defer k.Close()
	if err := change(k); err != nil {
		return fmt.Errorf("registry value %q: %w", Root+name+`\`+value, err)
	}
	return nil
}

// Delete marks the service for deletion. It is gone when it is stopped and nobody has it open.
func (s *Service) Delete() error {
	err := windows.DeleteService(s.h)
	if err != nil && !errors.Is(err, windows.ERROR_SERVICE_MARKED_FOR_DELETE) {
		return known("DeleteService", err)
	}
	return nil
}

// RemoveKey removes what is left of the service's key. One that is not there is no error.
func RemoveKey(name string) error {
	if strings.ContainsAny(name, `\/`) || name == "" {
		return fmt.Errorf("%q is no service", name)
	}
	return removeKey(Root + name)
}

func removeKey(key string) error {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, key)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("registry key %q: %w", key, err)
}

// HasSource reports whether name is a source of the Application log.
func HasSource(name string) bool {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, SourceRoot+name, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	k.Close()
	return true
}

// RemoveSource takes name from the sources of the Application log. One that is not there is no error.
func RemoveSource(name string) error {
	if strings.ContainsAny(name, `\/`) || name == "" {
		return fmt.Errorf("%q is no source", name)
	}
	return removeKey(SourceRoot + name)
}

// AddSource makes name a source of the Application log. One that is there is no error.
func AddSource(name string) error {
	if HasSource(name) {
		return nil
	}
	return eventlog.InstallAsEventCreate(name, eventlog.Error|eventlog.Warning|eventlog.Info)
}
