package project

import (
	"strings"
	"testing"
)

func TestElsewhere(t *testing.T) {
	for dir, want := range map[string]string{
		`\\wsl.localhost\Debian\home\a\shop`: "Debian", `\\WSL$\Ubuntu\srv`: "Ubuntu", `\\server\share\shop`: "", `C:\src\shop`: "",
	} {
		if got := Elsewhere(dir); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", dir, got)
		}
	}
	if got := Elsewhere(t.TempDir()); got != "" {
		t.Errorf("a directory of this machine: %q", got)
	}
}

func TestFromWindows(t *testing.T) {
	const mounts = `21 1 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard
70 21 0:46 / /mnt/c rw,noatime - 9p C:\134 rw,dirsync,aname=drvfs;path=C:\;uid=1000,trans=fd
71 21 0:47 / /mnt/my\040disk rw - drvfs D: rw
72 21 0:48 / /mnt/e rw - virtiofs drvfsE rw
73 21 0:49 / /mnt/vm rw - 9p shared rw,trans=virtio
74 70 8:33 / /mnt/c/linux rw - ext4 /dev/sdd rw
broken line
`
	for dir, want := range map[string]string{
		"/mnt/c/src/shop": "/mnt/c", "/mnt/c": "/mnt/c", "/mnt/cc": "", "/home/a": "", "/mnt/my disk/shop": "/mnt/my disk", "/mnt/e/x": "/mnt/e", "/mnt/vm/x": "", "/mnt/c/linux/x": "",
	} {
		if got := fromWindows(mounts, dir); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}
