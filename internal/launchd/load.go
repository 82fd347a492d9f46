package launchd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Settle bounds how long launchd may take to let go of a label whose process is gone. Up to 5 s have been measured; after three times that it is stuck.
const Settle = 15 * time.Second

// Polling launchd: it tells nobody when a label is released. The first questions come soon, since it mostly takes milliseconds.
const (
	pollFirst = 10 * time.Millisecond
	pollMost  = 250 * time.Millisecond
)

// poll asks until done, with growing pauses, for as long as ctx allows.
func poll(ctx context.Context, done func() (bool, error)) error {
	pause := pollFirst
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		pause = min(2*pause, pollMost)
	}
}

// Load has launchd load the property list at path, as the job called label, into d. launchd may still have an earlier job of that label, and then says
// anything, so it is asked again for as long as Settle; what it says in the end is the error. Where bootstrap cannot do it, the older load is tried, which ends
// with 0 whatever comes of it: the job's being there is what counts. Errors: ErrDisabled, ErrNoDomain, ErrBusy, fs.ErrPermission.
func (c Launchctl) Load(ctx context.Context, d Domain, label, path string) error {
	if d == System && os.Geteuid() != 0 { // bootstrap says error 5 of that, as of anything; and load would load a daemon of the system's into the caller's own domain
		return &Error{Verb: "bootstrap", Target: string(d), Status: statusPermission}
	}
	bounded, cancel := context.WithTimeout(ctx, Settle)
	defer cancel()
	var last error
	err := poll(bounded, func() (bool, error) {
		_, last = c.run(bounded, "bootstrap", string(d), string(d), path)
		if !errors.Is(last, ErrBusy) {
			return true, last
		}
		j, err := c.Print(bounded, d, label) // somebody may have loaded it, or this bootstrap has, and said that it was busy
		return err == nil && !j.Ending() && j.Path == path, nil
	})
	if err == nil {
		return nil
	}
	if ctx.Err() == nil && bounded.Err() != nil {
		err = fmt.Errorf("after %s: %w", Settle, last)
	}
	if !errors.Is(err, ErrBusy) && !errors.Is(err, ErrUnknownVerb) {
		return err
	}
	return c.loadLegacy(ctx, d, label, path, err)
}

func (c Launchctl) loadLegacy(ctx context.Context, d Domain, label, path string, why error) error {
	if _, err := c.run(ctx, "load", path, path); err != nil {
		return errors.Join(why, err)
	}
	if _, err := c.Print(ctx, d, label); err != nil {
		return why
	}
	return nil
}

// Unload boots the job out and returns when launchd has released its label. Its process gets SIGTERM, and SIGKILL after the property list's ExitTimeOut, of which the
// caller's ctx is to leave more. bootout itself comes back at once, or with "in progress", or late: that says nothing. A job that is not loaded is no error.
func (c Launchctl) Unload(ctx context.Context, d Domain, label, path string) error {
	_, last := c.run(ctx, "bootout", d.Target(label), d.Target(label))
	switch {
	case errors.Is(last, ErrUnknownVerb):
		if _, last = c.run(ctx, "unload", path, path); last != nil {
			return last
		}
	case errors.Is(last, ErrNotLoaded):
		return nil
	case last != nil && !errors.Is(last, ErrBusy):
		return last
	}
	err := poll(ctx, func() (bool, error) {
		_, err := c.Print(ctx, d, label)
		if errors.Is(err, ErrNotLoaded) || errors.Is(err, ErrNoDomain) {
			return true, nil
		}
		return false, err
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("launchd still has %s: %w", d.Target(label), errors.Join(err, last))
	}
	return err
}
