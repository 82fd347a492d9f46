package main

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mountPoint is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mountPoint struct {
	Path string
	Type string
}

// parseMountinfo reads /proc/self/mountinfo. Later lines cover earlier ones.
func parseMountinfo(r io.Reader) ([]mountPoint, error) {
	var ms []mountPoint
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		left, right, ok := strings.Cut(sc.Text(), " - ")
		l, t := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(t) < 1 {
			return nil, fmt.Errorf("mountinfo line %q", sc.Text())
		}
		at, err := unescape(l[4])
		if err != nil {
			return nil, fmt.Errorf("mountinfo line %q: %w", sc.Text(), err)
		}
		ms = append(ms, mountPoint{Path: at, Type: t[0]})
	}
	return ms, sc.Err()
}

// unescape undoes the kernel's octal escapes for space, tab, newline and backslash.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+4 > len(s) {
			return "", strconv.ErrSyntax
		}
		n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return "", err
		}
		b.WriteByte(byte(n))
		i += 3
	}
	return b.String(), nil
}

// below reports whether file is dir or lies in it.
func below(file, dir string) bool {
	return file == dir || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

// fresh reports whether every world has its own instead of the host's.
func fresh(file string) bool {
	return slices.ContainsFunc([]string{"/proc", "/sys", "/dev", "/run"}, func(d string) bool { return below(file, d) })
}

// covers returns the paths below / that a copy of / must cover again, parents first: what the host has mounted there (an overlay does not
// show mounts of its lower directory, so leaving one out would uncover what the host has hidden), and those of dirs that lie in a fresh
// directory. dirs that are reached through / or another mount need nothing.
func covers(ms []mountPoint, dirs []string) []string {
	var out []string
	for _, m := range ms {
		if m.Path != "/" && !fresh(m.Path) && m.Type != "autofs" {
			out = append(out, m.Path)
		}
	}
	for _, d := range dirs {
		if fresh(d) {
			out = append(out, path.Clean(d))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
