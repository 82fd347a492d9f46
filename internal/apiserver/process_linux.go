package apiserver

import (
	"os"
	"syscall"
	"time"
)

// read fills in what /proc and getrusage(2) tell. Where /proc is not mounted its facts stay unknown.
func (p *process) read() {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if pages, ok := parseResident(string(b)); ok {
			p.resident = pages * int64(os.Getpagesize())
		}
	}
	if d, err := os.Open("/proc/self/fd"); err == nil {
		if names, err := d.Readdirnames(-1); err == nil {
			p.openFDs = len(names) - 1 // the directory itself
		}
		d.Close()
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
		p.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
}
