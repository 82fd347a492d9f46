package winproc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Command says what to start.
type Command struct {
	Path string   // of the program or batch file, absolute
	Args []string // argv, the program's name first
	Dir  string
	Env  []string // KEY=value
	Out  *os.File // standard output and error; standard input is NUL, and nothing else is inherited
}

// Tree is a program that was started and all its descendants. Only one goroutine may call its methods.
type Tree struct {
	pid     int
	job     windows.Handle
	process windows.Handle
	port    windows.Handle
	waited  chan struct{} // closed when the goroutine that waits has ended
	code    uint32
	closed  bool
}

// Start starts c in a job of its own. changed is called, from another goroutine, when the program has ended and when nothing of its tree is left.
// It must not block.
func Start(c Command, changed func()) (*Tree, error) {
	job, err := newJob()
	if err != nil {
		return nil, err
	}
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		windows.CloseHandle(job)
		return nil, fmt.Errorf("CreateIoCompletionPort: %w", err)
	}
	process, pid, err := create(c, job)
	if err != nil {
		windows.CloseHandle(port)
		windows.CloseHandle(job)
		return nil, err
	}
	t := &Tree{pid: int(pid), job: job, process: process, port: port, waited: make(chan struct{})}
	go t.wait(changed)
	return t, nil
}

// newJob: without JOB_OBJECT_LIMIT_BREAKAWAY_OK nothing that is in it can leave it. Since Windows 8 this process may be in a job itself.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("CreateJobObject: %w", err)
	}
	var limit windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limit.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limit)), uint32(unsafe.Sizeof(limit)))
	if err != nil {
		windows.CloseHandle(job)
		return 0, fmt.Errorf("SetInformationJobObject: %w", err)
	}
	return job, nil
}

// commandLine is what CreateProcess executes, and with which line.
func (c Command) commandLine() (app, line string, err error) {
	if !IsBatch(c.Path) {
		return c.Path, windows.ComposeCommandLine(c.Args), nil
	}
	if line, err = BatchLine(c.Path, c.Args[1:]); err != nil {
		return "", "", err
	}
	dir, err := windows.GetSystemDirectory()
	return filepath.Join(dir, "cmd.exe"), line, err
}

func create(c Command, job windows.Handle) (process windows.Handle, pid uint32, err error) {
	app, line, err := c.commandLine()
	if err != nil {
		return 0, 0, err
	}
	var p [3]*uint16
	for i, s := range []string{app, line, c.Dir} {
		if p[i], err = windows.UTF16PtrFromString(s); err != nil {
			return 0, 0, fmt.Errorf("%q has a NUL in it: %w", s, err)
		}
	}
	env, err := EnvBlock(c.Env)
	if err != nil {
		return 0, 0, err
	}
	in, out, err := handles(c.Out)
	if err != nil {
		return 0, 0, err
	}
	defer windows.CloseHandle(in)
	defer windows.CloseHandle(out)
	si, free, err := startupInfo(in, out, job)
	if err != nil {
		return 0, 0, err
	}
	defer free()
	var pi windows.ProcessInformation
	err = windows.CreateProcess(p[0], p[1], nil, nil, true, creationFlags(), &env[0], p[2], &si.StartupInfo, &pi)
	if err != nil {
		return 0, 0, &os.PathError{Op: "CreateProcess", Path: app, Err: err}
	}
	windows.CloseHandle(pi.Thread)
	return pi.Process, pi.ProcessId, nil
}

// creationFlags: a process group of its own, so that it can be sent a CTRL_BREAK which this process does not get. Without a console here a console program
// would be given one with a window.
func creationFlags() uint32 {
	const flags = windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_UNICODE_ENVIRONMENT | windows.EXTENDED_STARTUPINFO_PRESENT
	if _, err := windows.GetConsoleCP(); err != nil {
		return flags | windows.CREATE_NO_WINDOW
	}
	return flags
}

// handles are inheritable handles on NUL and on f.
func handles(f *os.File) (in, out windows.Handle, err error) {
	nul, err := windows.UTF16PtrFromString("NUL")
	if err != nil {
		return 0, 0, err
	}
	inherit := &windows.SecurityAttributes{InheritHandle: 1}
	inherit.Length = uint32(unsafe.Sizeof(*inherit))
	in, err = windows.CreateFile(nul, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, inherit, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("open NUL: %w", err)
	}
	self := windows.CurrentProcess()
	err = windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &out, 0, true, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		windows.CloseHandle(in)
		return 0, 0, fmt.Errorf("DuplicateHandle: %w", err)
	}
	return in, out, nil
}

// procThreadAttributeJobList is PROC_THREAD_ATTRIBUTE_JOB_LIST (Windows 10): the process is in the job from its creation on, so that neither a child of it
// nor itself, should this process die now, can be outside.
const procThreadAttributeJobList = 0x0002000d

// startup keeps what the attribute list points to.
type startup struct {
	windows.StartupInfoEx
	inherited [2]windows.Handle
	jobs      [1]windows.Handle
}

func startupInfo(in, out, job windows.Handle) (si *startup, free func(), err error) {
	list, err := windows.NewProcThreadAttributeList(2)
	if err != nil {
		return nil, nil, fmt.Errorf("InitializeProcThreadAttributeList: %w", err)
	}
	si = &startup{inherited: [2]windows.Handle{in, out}, jobs: [1]windows.Handle{job}}
	err = errors.Join(
		list.Update(windows.PROC_THREAD_ATTRIBUTE_HANDLE_LIST, unsafe.Pointer(&si.inherited), unsafe.Sizeof(si.inherited)),
		list.Update(procThreadAttributeJobList, unsafe.Pointer(&si.jobs), unsafe.Sizeof(si.jobs)))
	if err != nil {
		list.Delete()
		return nil, nil, fmt.Errorf("UpdateProcThreadAttribute: %w", err)
	}
	si.Cb = uint32(unsafe.Sizeof(si.StartupInfoEx))
	si.Flags = windows.STARTF_USESTDHANDLES
	si.StdInput, si.StdOutput, si.StdErr = in, out, out
	si.ProcThreadAttributeList = list.List()
	return si, list.Delete, nil
}
