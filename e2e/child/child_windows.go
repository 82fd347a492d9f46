package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/windows"
)

// watchSignals takes what asks a workload to stop: the event that APEX_STOP_EVENT names, and what the console sends. Ctrl-C and Ctrl-Break come as SIGINT.
func watchSignals() <-chan string {
	sigs := make(chan os.Signal, 8) // none is lost while one is told of
	names := make(chan string)
	signal.Notify(sigs, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range sigs {
			if s == os.Interrupt {
				names <- "SIGINT"
			} else {
				names <- "SIGTERM"
			}
		}
	}()
	if h, err := openStopEvent(); err == nil {
		go func() {
			if _, err := windows.WaitForSingleObject(h, windows.INFINITE); err == nil {
				names <- "SIGTERM"
			}
		}()
	}
	return names
}

// openStopEvent opens it at once: a daemon looks whether its workload has.
func openStopEvent() (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(os.Getenv("APEX_STOP_EVENT"))
	if err != nil {
		return 0, err
	}
	return windows.OpenEvent(windows.SYNCHRONIZE, false, name)
}

// killed is the exit status of a process that was terminated, as TerminateProcess is usually given it.
const killed = 1

// raise ends this process at once, as others end it.
func raise(string) { _ = windows.TerminateProcess(windows.CurrentProcess(), killed) }

// Notify implements servicetest.Actor. There is no sd_notify here.
func (p *process) Notify(string) error { return nil }

func spawnAttr(session bool) *syscall.SysProcAttr {
	if session {
		return &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
	}
	return nil
}

func become([]string) error { return errors.ErrUnsupported }
