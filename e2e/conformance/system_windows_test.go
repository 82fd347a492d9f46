package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const exeSuffix = ".exe"

// watches is whether Await asks for changes of files. On Wine a suite that used fsnotify has been seen to hang.
const watches = false

func runElsewhere(*servicetest.Matrix) {}

// startManagers: here they are the real ones.
func startManagers() (stop func() error, err error) { return func() error { return nil }, nil }

func drivers() []servicetest.Driver {
	if onWine() {
		return []servicetest.Driver{wineDriver{directDriver{"direct, Windows (Wine)"}}, serviceDriver{wine: true}}
	}
	return []servicetest.Driver{directDriver{"direct, Windows"}, serviceDriver{}}
}

// onWine reports whether this Windows is Wine, by the function that only its ntdll has.
func onWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// wineDriver is directDriver on Wine.
type wineDriver struct{ directDriver }

var _ servicetest.Slow = wineDriver{}

// Slowness: one wineserver, which is one thread, answers what is a system call elsewhere, for all processes. To start and end a program that does nothing takes it
// 0.15 s on an idle machine with two processors, and 1.6 s while 50 others start.
func (wineDriver) Slowness() int { return 5 }

// missingHere is what Windows lacks.
func missingHere(a servicetest.Ability) servicetest.Absence {
	reasons := map[servicetest.Ability]string{
		servicetest.CanSuspend:    "there are no signals",
		servicetest.CanForeground: "a run in the foreground says that it is ready by sd_notify(3)",
		servicetest.CanOwnPID:     "a process cannot become another program",
		servicetest.CanOtherUser:  "needs a second account",
		servicetest.CanReadOnly:   "there are no bind mounts",
		servicetest.HasSignals:    "there are no signals",
		servicetest.HasOpenDelete: "a file that a process has open is not deleted",
		servicetest.HasHeal:       "nothing tells of a deletion",
		servicetest.HasNotify:     "there is no sd_notify(3)",
		servicetest.HasExecutable: "there are no mode bits, and links need a privilege",
	}
	return servicetest.Absence{Reason: reasons[a]}
}

// environment is a user's, all of it below root, and what Windows itself needs.
func environment(root string) []string {
	env := []string{
		"USERPROFILE=" + filepath.Join(root, "home"), "LOCALAPPDATA=" + filepath.Join(root, "state"), "APPDATA=" + filepath.Join(root, "config"),
		"TEMP=" + filepath.Join(root, "tmp"), "TMP=" + filepath.Join(root, "tmp"),
	}
	for _, name := range []string{"SystemRoot", "SystemDrive", "PATH", "PATHEXT", "COMSPEC", "WINEPREFIX"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// interrupt ends p: a process with a console of its own cannot be sent Ctrl-C.
func interrupt(p *os.Process) error { return p.Kill() }

// removeAll removes with os.Remove, which works on Wine too, where os.RemoveAll does not. It tries for a while: Windows keeps the files of a process that
// has just ended.
func removeAll(root string) error {
	var err error
	for range 50 {
		if err = removeOnce(root); err == nil {
			return nil
		}
		<-time.After(20 * time.Millisecond) // no event tells when a file can be removed
	}
	return err
}

func removeOnce(root string) error {
	var paths []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	slices.Reverse(paths) // what is in a directory, before it
	for _, p := range paths {
		err = errors.Join(err, os.Remove(p))
	}
	return err
}

func existence(pid int) servicetest.Existence {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return servicetest.Gone
	}
	defer windows.CloseHandle(h)
	if e, err := windows.WaitForSingleObject(h, 0); err == nil && e == windows.WAIT_OBJECT_0 {
		return servicetest.Gone // somebody still has a handle
	}
	return servicetest.Alive
}

// killAndWait terminates a process, and nothing else, and returns when it has ended.
func killAndWait(_ context.Context, pid int) error {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_TERMINATE, false, uint32(pid))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(h)
	const killed, limit = 1, 10_000 // exit status; milliseconds
	if err := windows.TerminateProcess(h, killed); err != nil {
		return err
	}
	e, err := windows.WaitForSingleObject(h, limit)
	if err == nil && e != windows.WAIT_OBJECT_0 {
		err = fmt.Errorf("process %d does not end", pid)
	}
	return err
}

// endLeftovers finds none: nobody can look into the environment of others. The suite's own connections tell.
func endLeftovers(context.Context, string) []string { return nil }
