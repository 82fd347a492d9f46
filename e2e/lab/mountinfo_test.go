package main

import (
	"slices"
	"strings"
	"testing"
)

const mountinfo = `22 27 0:21 / /proc rw,relatime - proc proc rw
25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw,size=1k
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw
28 27 0:25 / /mnt/hidden ro - tmpfs none ro
29 27 8:1 / /srv/with\040space\134 rw - xfs /dev/sdb1 rw
30 27 8:1 /resolv /etc/resolv.conf rw - xfs /dev/sdb1 rw
31 27 0:40 / /misc rw - autofs auto rw
32 23 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
33 27 8:1 / /runs rw - xfs /dev/sdb1 rw
34 28 8:1 / /mnt/hidden rw - xfs /dev/sdb1 rw
`

func TestCovers(t *testing.T) {
	ms, err := parseMountinfo(strings.NewReader(mountinfo))
	if err != nil {
		t.Fatal(err)
	}
	got := covers(ms, []string{"/work/tree", "/dev/shm/tree", "/run/x/", "/run/x", "/srv/with space\\/go"})
	want := []string{"/dev/shm/tree", "/etc/resolv.conf", "/mnt/hidden", "/run/x", "/runs", "/srv/with space\\"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestParseMountinfoRefuses(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"no separator", "22 27 0:21 / /proc rw,relatime proc proc rw"},
		{"too few fields", "22 27 / - proc proc rw"},
		{"no type", "22 27 0:21 / /proc rw - "},
		{"a broken escape", `22 27 0:21 / /a\9 rw - proc proc rw`},
		{"an escape beyond a byte", `22 27 0:21 / /a\777 rw - proc proc rw`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if ms, err := parseMountinfo(strings.NewReader(row.text)); err == nil {
				t.Errorf("read as %+v", ms)
			}
		})
	}
}

func FuzzParseMountinfo(f *testing.F) {
	f.Add(mountinfo)
	f.Add(`1 2 3 4 \040\ 6 - x`)
	f.Fuzz(func(t *testing.T, text string) {
		ms, err := parseMountinfo(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, path := range covers(ms, nil) {
			if fresh(path) || path == "/" {
				t.Errorf("%q would cover what is the world's own", path)
			}
		}
	})
}
