package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupPrefix = "apexd-lab."

// cgroup is a world's own group in the host's cgroup2 hierarchy.
type cgroup struct {
	dir *os.File
}

// newCgroup makes a group, and removes those of labs that were killed with SIGKILL.
func newCgroup() (*cgroup, error) {
	for _, top := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} { // pure and hybrid hosts
		var st unix.Statfs_t
		if err := unix.Statfs(top, &st); err != nil || st.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		sweep(top)
		path := filepath.Join(top, cgroupPrefix+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(path, 0o755); err != nil {
			return nil, err
		}
		dir, err := os.Open(path)
		if err != nil {
			return nil, errors.Join(err, os.Remove(path))
		}
		return &cgroup{dir}, nil
	}
	return nil, errors.New("the host has no writable cgroup2 hierarchy, which systemd needs")
}

// remove removes the group and what the world made in it. Its processes are gone.
func (g *cgroup) remove() error {
	defer g.dir.Close()
	return removeGroups(g.dir.Name())
}

// removeGroups removes a tree of empty groups: in cgroupfs only the directories are removed, children first. cgroups(7)
func removeGroups(path string) error {
	var dirs []string
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, p)
		}
		return err
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		err = errors.Join(err, unix.Rmdir(dirs[i]))
	}
	if err != nil {
		return fmt.Errorf("cannot remove the world's cgroup %s: %w", path, err)
	}
	return nil
}

// sweep removes the groups of labs that no longer exist. A group in use cannot be removed, so errors do not matter.
func sweep(top string) {
	left, _ := filepath.Glob(filepath.Join(top, cgroupPrefix+"*"))
	for _, path := range left {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), cgroupPrefix))
		if err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = removeGroups(path)
		}
	}
}
