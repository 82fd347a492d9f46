package winevent

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// namespaces are where events are made and looked for, in this order.
func namespaces() [2]string { return [2]string{`Global\`, `Local\`} }

// Event is a named event made by this process. It is gone when this process and all who have opened it have closed it or ended. Its methods are
// safe for concurrent use, Close excepted.
type Event struct {
	name string
	h    windows.Handle
}

// Reset says when an event that was set is unset again.
type Reset uint32

// An Auto event is unset by the one waiter that it wakes. A Manual one stays set: everybody who waits or will wait is woken.
const (
	Auto   Reset = 0
	Manual Reset = 1
)

// Create makes the event called name (without a namespace). An event that exists already is an error, fs.ErrExist: it would be somebody else's.
func Create(name string, r Reset) (*Event, error) {
	sa, err := onlyUs()
	if err != nil {
		return nil, fmt.Errorf("event %q: %w", name, err)
	}
	for _, ns := range namespaces() {
		var e *Event
		if e, err = create(sa, ns+name, r); err == nil || errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
			return e, err
		}
	}
	return nil, err
}

func create(sa *windows.SecurityAttributes, name string, r Reset) (*Event, error) {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, fmt.Errorf("event %q: %w", name, err)
	}
	h, err := windows.CreateEvent(sa, uint32(r), 0, p)
	if err == nil {
		return &Event{name, h}, nil
	}
	if h != 0 { // ERROR_ALREADY_EXISTS comes with a handle to the other one
		windows.CloseHandle(h)
	}
	return nil, fmt.Errorf("CreateEvent %q: %w", name, err)
}

// eventAllAccess is EVENT_ALL_ACCESS: with less, .NET's EventWaitHandle.OpenExisting refuses.
const eventAllAccess = "0x1f0003"

// onlyUs lets SYSTEM, Administrators and the user of this process use an object, and nobody else (SDDL).
func onlyUs() (*windows.SecurityAttributes, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("GetTokenInformation: %w", err)
	}
	dacl := "D:P"
	for _, who := range []string{"SY", "BA", user.User.Sid.String()} {
		dacl += "(A;;" + eventAllAccess + ";;;" + who + ")"
	}
	sd, err := windows.SecurityDescriptorFromString(dacl)
	if err != nil {
		return nil, fmt.Errorf("security descriptor %q: %w", dacl, err)
	}
	return &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}, nil
}

// Name is the full name, namespace included, by which any program can open the event.
func (e *Event) Name() string { return e.name }

// Set wakes who waits.
func (e *Event) Set() error {
	if err := windows.SetEvent(e.h); err != nil {
		return fmt.Errorf("SetEvent %q: %w", e.name, err)
	}
	return nil
}

// Watched reports whether anybody besides this process has the event open (NtQueryObject, PUBLIC_OBJECT_BASIC_INFORMATION). Where the system does
// not say, it is true.
func (e *Event) Watched() bool {
	var info struct {
		Attributes, GrantedAccess, HandleCount, PointerCount uint32
		_                                                    [10]uint32
	}
	const basic = 0 // ObjectBasicInformation
	query := windows.NewLazySystemDLL("ntdll.dll").NewProc("NtQueryObject")
	if query.Find() != nil {
		return true
	}
	status, _, _ := query.Call(uintptr(e.h), basic, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	return status != 0 || info.HandleCount > 1
}

// Close gives the event up.
func (e *Event) Close() error { return windows.CloseHandle(e.h) }

// Set sets the event called name (without a namespace) of another process. Errors: fs.ErrNotExist when nobody has made it or it is another
// session's Local\ one, fs.ErrPermission.
func Set(name string) error {
	var first error
	for _, ns := range namespaces() {
		err := set(ns + name)
		if err == nil {
			return nil
		}
		if first == nil || errors.Is(first, windows.ERROR_FILE_NOT_FOUND) {
			first = err
		}
	}
	return first
}

func set(name string) error {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return fmt.Errorf("event %q: %w", name, err)
	}
	h, err := windows.OpenEvent(windows.EVENT_MODIFY_STATE, false, p)
	if err != nil {
		return fmt.Errorf("OpenEvent %q: %w", name, err)
	}
	defer windows.CloseHandle(h)
	if err := windows.SetEvent(h); err != nil {
		return fmt.Errorf("SetEvent %q: %w", name, err)
	}
	return nil
}
