//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/plist"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeJobs is a launchd whose processes are a word; e2e/fakelaunchd has real ones.
type fakeJobs struct {
	domain   launchd.Domain
	loaded   map[string]launchd.Job
	disabled map[string]bool
	home     string
	asked    []string
	load     error // what Load fails with
}

func newFakeJobs(t *testing.T) *fakeJobs {
	t.Helper()
	return &fakeJobs{domain: launchd.GUI(501), loaded: map[string]launchd.Job{}, disabled: map[string]bool{}, home: t.TempDir()}
}

// open is a Launchd on f. register is nil: the library is there on macOS alone.
func (f *fakeJobs) open() *Launchd {
	return &Launchd{
		ctl: f, scope: service.ScopeUser, owner: 501, home: f.home, encode: plist.Encode, decode: plist.Decode, running: func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{} },
	}
}

func (f *fakeJobs) Find(_ context.Context, _ []launchd.Domain, label string) (launchd.Job, error) {
	if f.domain == "" {
		return launchd.Job{}, &launchd.Error{Verb: "print", Status: 112}
	}
	if j, ok := f.loaded[label]; ok {
		return j, nil
	}
	return launchd.Job{Domain: f.domain}, &launchd.Error{Verb: "print", Status: 113}
}

func (f *fakeJobs) Disabled(_ context.Context, _ launchd.Domain, label string) (bool, error) {
	return f.disabled[label], nil
}

func (f *fakeJobs) Enable(_ context.Context, _ launchd.Domain, label string) error {
	f.asked = append(f.asked, "enable")
	delete(f.disabled, label)
	return nil
}

func (f *fakeJobs) Disable(_ context.Context, _ launchd.Domain, label string) error {
	f.asked = append(f.asked, "disable")
	f.disabled[label] = true
	return nil
}

func (f *fakeJobs) Load(_ context.Context, d launchd.Domain, label, path string) error {
	f.asked = append(f.asked, "load")
	if _, err := os.Stat(path); err != nil || f.disabled[label] || f.loaded[label].State != "" {
		return &launchd.Error{Verb: "bootstrap", Target: string(d), Status: 5}
	}
	if f.load == nil {
		f.loaded[label] = launchd.Job{Domain: d, State: launchd.StateRunning, PID: 42, Runs: 1, Path: path}
	}
	return f.load
}

func (f *fakeJobs) Unload(_ context.Context, _ launchd.Domain, label, _ string) error {
	f.asked = append(f.asked, "unload")
	delete(f.loaded, label)
	return nil
}

// snapshot is everything there is: files with modes and contents, jobs, overrides.
func (f *fakeJobs) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(f.home, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			all[path] = "directory"
			return err
		}
		fi, err := e.Info()
		b, e2 := os.ReadFile(path)
		all[path] = fmt.Sprint(fi.Mode(), string(b))
		return errors.Join(err, e2)
	})
	if err != nil {
		t.Fatal(err)
	}
	for label, j := range f.loaded {
		all["job "+label] = fmt.Sprintf("%+v", j)
	}
	for label := range f.disabled {
		all["disabled "+label] = "yes"
	}
	return all
}
