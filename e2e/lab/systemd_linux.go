package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// prepareSystemd leaves of the copied disk's systemd only what a test needs: journald, D-Bus and logind. Nothing that the host has
// enabled, generated or scheduled starts; an allow list, so that it holds on any distribution. systemd.unit(5), systemd.generator(7)
func prepareSystemd() error {
	if _, err := os.Stat(systemdPath); err != nil {
		return err
	}
	const units = "/lib/systemd/system"
	gone := []string{"/etc/systemd/system", "/etc/systemd/user", "/etc/init.d", "/var/log/journal", "/var/lib/systemd/linger"}
	for _, pattern := range []string{
		"/etc/rc?.d", units + "/*.wants", "/{lib,etc,usr/local/lib}/systemd/system-generators",
		"/lib/systemd/system-generators", "/etc/systemd/system-generators", "/usr/local/lib/systemd/system-generators",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		gone = append(gone, found...)
	}
	if err := remove(gone...); err != nil {
		return err
	}
	for target, wanted := range map[string][]string{
		"sockets.target":    {"dbus.socket", "systemd-journald.socket", "systemd-journald-dev-log.socket"},
		"sysinit.target":    {"systemd-journald.service"},
		"multi-user.target": {"dbus.service", "systemd-logind.service", "systemd-user-sessions.service"},
	} {
		for _, unit := range wanted {
			if err := link(filepath.Join(units, unit), filepath.Join(units, target+".wants", unit)); err != nil {
				return err
			}
		}
	}
	if err := link(units+"/multi-user.target", "/etc/systemd/system/default.target"); err != nil {
		return err
	}
	for path, text := range map[string]string{
		"/etc/machine-id":                       "5c0de5c0de5c0de5c0de5c0de5c0de50\n",
		"/etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\n",
		"/etc/systemd/system.conf.d/lab.conf":   "[Manager]\nDefaultTimeoutStopSec=15s\n",
	} {
		if err := replace(path, text); err != nil {
			return err
		}
	}
	return os.MkdirAll("/etc/systemd/user", 0o755)
}

// link makes a symbolic link and the directories above it.
func link(target, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(target, path); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	return nil
}
