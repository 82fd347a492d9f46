//go:build unix

package cli

import (
	"strconv"
	"syscall"
)

// switchTo gives this process, with all its threads, another user and his groups, for good.
func switchTo(uid, gid string, groups []string) error {
	main, err := numbers(uid, gid)
	if err != nil {
		return err
	}
	all, err := numbers(groups...)
	if err != nil {
		return err
	}
	if err := syscall.Setgroups(all); err != nil { // first: it needs to be root
		return err
	}
	if err := syscall.Setgid(main[1]); err != nil {
		return err
	}
	return syscall.Setuid(main[0])
}

// numbers are user or group IDs as the system wants them.
func numbers(ids ...string) ([]int, error) {
	var out []int
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}
