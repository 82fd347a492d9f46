package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// store is where a world's changes are kept: a tmpfs that only its mount namespace has. /sys is the one directory of a host that never holds
// files of a user, so covering it hides nothing that is to be copied, and the host needs no temporary directory.
const store = "/sys"

// disk builds the world's file tree and makes it the root: the host's files copy-on-write, and /proc, /sys, /dev and /run of its own. The
// caller is PID 1 of new namespaces. Nothing is written through a path of the host's.
func disk(c config) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	lower, err := openAll(c.Shares)
	if err != nil {
		return err
	}
	if err := unix.Mount("lab", store, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount the store: %w", err)
	}
	if c.Layer != "" {
		if err := addLayer(c.Layer, upper(0)); err != nil {
			return err
		}
	}
	const root = store + "/root"
	for i, f := range lower {
		if err := copyOnWrite(f, i, root); err != nil {
			return fmt.Errorf("copy %s: %w", f.Name(), err)
		}
		f.Close()
		if i == 0 { // the rest may lie in what this covers
			if err := system(root); err != nil {
				return err
			}
		}
	}
	for _, dir := range c.Binds {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(dir, root+dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", dir, err)
		}
	}
	return pivot(root)
}

// openAll opens what is to be copied, / first, before the store covers /sys.
func openAll(shares []string) ([]*os.File, error) {
	info, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer info.Close()
	ms, err := parseMountinfo(info)
	if err != nil {
		return nil, err
	}
	var all []*os.File
	for _, path := range append([]string{"/"}, covers(ms, shares)...) {
		f, err := os.OpenFile(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// upper is where the changes to the n-th copied directory are.
func upper(n int) string { return fmt.Sprintf("%s/%d/up", store, n) }

// copyOnWrite mounts the n-th copied directory at its place below root. The lower directory is named by its descriptor, so that no
// character of its path matters to overlayfs. What overlayfs cannot stand on (a file, some file systems) is bound read-only.
func copyOnWrite(lower *os.File, n int, root string) error {
	at := filepath.Join(root, lower.Name())
	source := fmt.Sprintf("/proc/self/fd/%d", lower.Fd())
	st, err := lower.Stat()
	if err != nil {
		return err
	}
	if st.IsDir() {
		up, work := upper(n), fmt.Sprintf("%s/%d/work", store, n)
		for _, dir := range []string{up, work, at} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		if err := os.Chmod(up, st.Mode()); err != nil { // an overlay's root has the mode of its upper directory
			return err
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", source, up, work)
		if err := unix.Mount("lab", at, "overlay", 0, options); err == nil || n == 0 {
			return err
		}
	}
	if err := unix.Mount(source, at, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	return unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// system mounts what a machine has of its own.
func system(root string) error {
	const plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, m := range []struct {
		kind, at string
		flags    uintptr
		options  string
	}{
		{"proc", "/proc", plain, ""},
		{"sysfs", "/sys", plain | unix.MS_RDONLY, ""},
		{"tmpfs", "/dev", unix.MS_NOSUID, "mode=755"},
		{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5"},
		{"tmpfs", "/dev/shm", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"tmpfs", "/run", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
	} {
		if err := os.MkdirAll(root+m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, root+m.at, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	if err := devices(root + "/dev"); err != nil {
		return err
	}
	// The kernel's switches are the host's: they can be read but not turned.
	if err := unix.Mount(root+"/proc/sys", root+"/proc/sys", "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if err := unix.Mount("", root+"/proc/sys", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|plain, ""); err != nil {
		return err
	}
	err := unix.Mount(root+"/dev/null", root+"/proc/sysrq-trigger", "", unix.MS_BIND, "")
	if errors.Is(err, unix.ENOENT) { // a kernel without it
		return nil
	}
	return err
}

// devices makes the devices that hold no data of the host.
func devices(dev string) error {
	for _, d := range []struct {
		name         string
		major, minor uint32
	}{{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}} {
		path := filepath.Join(dev, d.name)
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(d.major, d.minor))); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
		if err := os.Chmod(path, 0o666); err != nil { // whatever the umask is
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx", "console": "null",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return nil
}

// pivot makes root the root and puts the host's tree out of reach. pivot_root(2), "pivot_root(".", ".")"
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return unix.Chdir("/")
}
