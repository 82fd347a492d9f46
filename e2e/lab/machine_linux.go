package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// The ordinary user of a world. It exists only inside.
const (
	labUser = "lab"
	labUID  = 4711
	labHome = "/home/lab"
)

// machine makes the copied disk that of another machine: its own name, no name service, loopback up.
func machine() error {
	if err := unix.Sethostname([]byte("lab")); err != nil {
		return err
	}
	// Images made from container images still carry the mark; a real machine has none.
	if err := remove("/.dockerenv", "/run/.containerenv"); err != nil {
		return err
	}
	for path, text := range map[string]string{
		"/etc/hostname":    "lab\n",
		"/etc/hosts":       "127.0.0.1 localhost lab\n",
		"/etc/resolv.conf": "",
		"/etc/fstab":       "",
	} {
		if err := replace(path, text); err != nil {
			return err
		}
	}
	return loopbackUp()
}

// loopbackUp brings lo up. netdevice(7)
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// replace puts text at path, in place of whatever is there (a symbolic link into /run, say).
func replace(path, text string) error {
	if err := remove(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// remove removes the trees at paths, where there are any.
func remove(paths ...string) error {
	for _, p := range paths {
		if err := os.RemoveAll(p); err != nil {
			return err
		}
	}
	return nil
}

// addUser makes the ordinary user and lets it reach the work tree and Go, wherever they are: every directory on the way to them may be
// searched, and the build cache written. All this happens to the copy; what is bound keeps the permissions it has.
func addUser(c config) error {
	for path, line := range map[string]string{
		"/etc/passwd": fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", labUser, labUID, labUID, labHome),
		"/etc/group":  fmt.Sprintf("%s:x:%d:\n", labUser, labUID),
		"/etc/shadow": labUser + ":*:19000::::::\n",
		// git refuses other people's work trees, and go build asks git for the version.
		"/etc/gitconfig": "[safe]\n\tdirectory = *\n",
	} {
		if err := appendLine(path, line); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(labHome, 0o755); err != nil {
		return err
	}
	if err := os.Chown(labHome, labUID, labUID); err != nil {
		return err
	}
	for _, dir := range c.Shares {
		for d := dir; d != "/"; d = filepath.Dir(d) {
			if bound(c, d) {
				continue
			}
			if err := allow(d, 0o005); err != nil {
				return err
			}
		}
	}
	if c.GoCache == "" || bound(c, c.GoCache) {
		return nil
	}
	// Old entries are only read; new ones go into one of its 256 directories.
	return allowShallow(c.GoCache, 0o007)
}

// bound reports whether path is the host's own, whose permissions are not ours to change.
func bound(c config, path string) bool {
	return slices.ContainsFunc(c.Binds, func(b string) bool { return below(path, b) })
}

// appendLine adds line to the file at path, which is made when missing.
func appendLine(path, line string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := string(old)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return os.WriteFile(path, []byte(text+line), 0o644) // an existing file keeps its mode
}

// allow adds permission bits to the file at path.
func allow(path string, bits fs.FileMode) error {
	st, err := os.Stat(path)
	if err != nil || st.Mode()&bits == bits {
		return err
	}
	return os.Chmod(path, st.Mode()|bits)
}

// allowShallow adds permission bits to dir and the directories and files directly in it.
func allowShallow(dir string, bits fs.FileMode) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := allow(filepath.Join(dir, e.Name()), bits); err != nil {
			return err
		}
	}
	return allow(dir, bits)
}
