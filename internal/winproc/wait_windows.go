package winproc

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The keys of what the port receives.
const (
	keyJob = iota
	keyClose
)

// wait calls changed when the program has ended and when the job is empty. The job tells of its processes only from the program's end on: a port that nobody
// reads would grow with each process that the workload starts.
func (t *Tree) wait(changed func()) {
	defer close(t.waited)
	if _, err := windows.WaitForSingleObject(t.process, windows.INFINITE); err != nil {
		return // it cannot fail while the handle is open
	}
	changed()
	if t.listen() != nil {
		return
	}
	for {
		if n, err := active(t.job); err != nil || n == 0 {
			changed()
			return
		}
		var message uint32
		var key, pid uintptr // pid comes as an OVERLAPPED, but a PID in a pointer would confuse the garbage collector
		overlapped := (**windows.Overlapped)(unsafe.Pointer(&pid))
		if err := windows.GetQueuedCompletionStatus(t.port, &message, &key, overlapped, windows.INFINITE); err != nil || key == keyClose {
			return
		}
	}
}

// listen makes the job send its messages, among them "no active process", to the port (JOBOBJECT_ASSOCIATE_COMPLETION_PORT). Messages may be lost, says
// Microsoft; then the owner's next Look finds out, at the latest after the grace period.
func (t *Tree) listen() error {
	assoc := struct{ key, port windows.Handle }{keyJob, t.port}
	_, err := windows.SetInformationJobObject(t.job, windows.JobObjectAssociateCompletionPortInformation, uintptr(unsafe.Pointer(&assoc)), uint32(unsafe.Sizeof(assoc)))
	return err
}

// active is the number of live processes in job.
func active(job windows.Handle) (uint32, error) {
	var info struct { // JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
		_               [4]int64
		_, _, active, _ uint32
	}
	err := windows.QueryInformationJobObject(job, windows.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	if err != nil {
		return 0, fmt.Errorf("QueryInformationJobObject: %w", err)
	}
	return info.active, nil
}

// PID is the program's. It is nobody else's until Look has found the tree empty.
func (t *Tree) PID() int { return t.pid }

// Look reports whether the program has ended, with which code, and whether nothing of its tree is left. What it holds is released when that is so.
func (t *Tree) Look() (code uint32, ended, empty bool) {
	if t.closed {
		return t.code, true, true
	}
	if ev, err := windows.WaitForSingleObject(t.process, 0); err != nil || ev != windows.WAIT_OBJECT_0 {
		return 0, false, false
	}
	if err := windows.GetExitCodeProcess(t.process, &t.code); err != nil {
		t.code = ^uint32(0) // it cannot fail while the handle is open
	}
	if n, err := active(t.job); err != nil || n > 0 {
		return t.code, true, false
	}
	t.close()
	return t.code, true, true
}

// Kill ends everything in the tree with this exit code, at once.
func (t *Tree) Kill(code uint32) error {
	if t.closed {
		return nil
	}
	if err := windows.TerminateJobObject(t.job, code); err != nil {
		return fmt.Errorf("TerminateJobObject: %w", err)
	}
	return nil
}

// Break sends CTRL_BREAK to the program's process group, if it has this process's console. Nothing is sent once the program's PID may be another's.
func (t *Tree) Break() error {
	if t.closed {
		return nil
	}
	if err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(t.pid)); err != nil {
		return fmt.Errorf("GenerateConsoleCtrlEvent: %w", err)
	}
	return nil
}

// close waits for the goroutine, which the message ends at once, and gives the handles back.
func (t *Tree) close() {
	t.closed = true
	if err := windows.PostQueuedCompletionStatus(t.port, 0, keyClose, nil); err != nil {
		return // the goroutine still uses them
	}
	<-t.waited
	windows.CloseHandle(t.port)
	windows.CloseHandle(t.process)
	windows.CloseHandle(t.job)
}
