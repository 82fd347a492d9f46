package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// wineEnv is what makes wine use the prefix, silently and without a display. A Go program stops its threads whenever it likes (SuspendThread), which Wine 8.0 does not survive in the middle of some calls: on
// a loaded machine every second run of e2e/conformance had a CreateProcess that failed with ERROR_INTERNAL_ERROR, though the process had begun, and none of nine with this.
func wineEnv(prefix string) []string {
	return []string{
		"GODEBUG=asyncpreemptoff=1",
		"WINEPREFIX=" + prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree=;mshtml=", "XDG_RUNTIME_DIR=/run/wine",
	}
}

// winePrefix returns the prefix that all wine worlds copy, which it makes first where it is missing (10 to 20 s). It stays in the user's
// cache directory, one for each version of Wine. Concurrent labs wait for the one that makes it.
func winePrefix(c config, signals <-chan os.Signal) (string, error) {
	wine := exec.Command("wine", "--version")
	wine.Env = append(os.Environ(), "WINEDEBUG=-all")
	version, err := wine.Output()
	if err != nil {
		return "", fmt.Errorf("%w; on Debian: apt-get install --no-install-recommends wine wine64", err)
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(version)), " ") // "wine-8.0 (Debian 8.0~repack-4)"
	return cached(filepath.Base(name), func(prefix string) error { return makePrefix(c, prefix, signals) })
}

// makePrefix fills the directory prefix in a world of its own.
func makePrefix(c config, prefix string, signals <-chan os.Signal) error {
	fmt.Fprintln(os.Stderr, "lab: making the Wine prefix (once)")
	c.World = world{Init: initReap}
	c.Binds, c.Timeout, c.Before, c.Dir = []string{prefix}, 5*time.Minute, "", "/"
	c.Env = merge(wineEnv(prefix), c.Env)
	c.Args = []string{"sh", "-c", "mkdir -p -m 700 /run/wine && wineboot -i >/dev/null 2>&1 && wineserver -w"}
	status, err := boot(c, signals)
	if err != nil {
		return err
	}
	if status != 0 {
		return fmt.Errorf("wineboot: exit status %d", status)
	}
	dll := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); err == nil { // Wine 8.2 or later has its own
		return nil
	}
	return os.WriteFile(dll, bcryptPrimitives(), 0o644)
}

// startWine brings up a wineserver that stays, and with it the service control manager: each wine after that starts in a tenth of a second.
func startWine(c config) error {
	if err := os.Mkdir("/run/wine", 0o700); err != nil {
		return err
	}
	return errors.Join(quietly(c, "wineserver", "-p"), quietly(c, "wine", "net", "start"))
}
