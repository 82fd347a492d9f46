package proc

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// here: a PID means the same in all of Windows, and the creation time is absolute.
func here() (place, error) { return place{}, nil }

func list() ([]Info, error) { return nil, errors.ErrUnsupported }

func descendants(int) ([]Info, error) { return nil, errors.ErrUnsupported }

func inspect(p place, pid int) (Info, error) {
	h, err := openProcess(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE)
	if err != nil {
		return Info{}, err
	}
	defer windows.CloseHandle(h)
	return inspectHandle(p, h, pid)
}

// openProcess: OpenProcess gives ERROR_INVALID_PARAMETER for a PID that does not exist, and rounds PIDs down to a multiple of 4.
func openProcess(pid int, access uint32) (windows.Handle, error) {
	h, err := windows.OpenProcess(access, false, uint32(pid))
	switch {
	case errors.Is(err, windows.ERROR_INVALID_PARAMETER):
		return 0, failed(pid, ErrNotFound)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return 0, failed(pid, ErrHidden)
	case err != nil:
		return 0, failed(pid, fmt.Errorf("OpenProcess: %w", err))
	}
	if id, err := windows.GetProcessId(h); err == nil && id != uint32(pid) {
		windows.CloseHandle(h)
		return 0, failed(pid, ErrNotFound)
	}
	return h, nil
}

// inspectHandle: a process that has ended exists for as long as anybody has a handle to it; that is a zombie.
func inspectHandle(p place, h windows.Handle, pid int) (Info, error) {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user); err != nil {
		return Info{}, failed(pid, fmt.Errorf("GetProcessTimes: %w", err))
	}
	started := time.Unix(0, created.Nanoseconds()).UTC()
	filetime := uint64(created.HighDateTime)<<32 | uint64(created.LowDateTime)
	return Info{
		PID: pid, PPID: parent(h), UID: -1,
		Identity: p.identity(strconv.FormatUint(filetime, 10)), Started: started, Age: max(time.Since(started), 0),
		Zombie: ended(h), Name: imageName(h),
	}, nil
}

func ended(h windows.Handle) bool {
	ev, err := windows.WaitForSingleObject(h, 0)
	return err == nil && ev == windows.WAIT_OBJECT_0
}

// parent is the PID of the process that started it, which may be another process by now.
func parent(h windows.Handle) int {
	var b windows.PROCESS_BASIC_INFORMATION
	err := windows.NtQueryInformationProcess(h, windows.ProcessBasicInformation, unsafe.Pointer(&b), uint32(unsafe.Sizeof(b)), nil)
	if err != nil {
		return 0
	}
	return int(b.InheritedFromUniqueProcessId)
}

func imageName(h windows.Handle) string {
	var buf [windows.MAX_LONG_PATH]uint16
	n := uint32(len(buf))
	if err := windows.QueryFullProcessImageName(h, 0, &buf[0], &n); err != nil {
		return ""
	}
	return filepath.Base(windows.UTF16ToString(buf[:n]))
}
