package project

import "testing"

// FuzzFromWindows: the place that is found is one above the directory, whatever the table of mounts says.
func FuzzFromWindows(f *testing.F) {
	f.Add("36 35 0:40 / /mnt/c rw - 9p C:\\134 rw,aname=drvfs;path=C:\n22 1 8:1 / / rw - ext4 /dev/sda rw\n", "/mnt/c/src")
	f.Add("1 2 3 4 \\040\\1 x - drvfs y z", " /x")
	f.Add(" - \n- - -", "")
	f.Fuzz(func(t *testing.T, mountinfo, dir string) {
		if at := fromWindows(mountinfo, dir); at != "" && !within(dir, at) {
			t.Errorf("%q is on %q, by %q", dir, at, mountinfo)
		}
	})
}

// FuzzElsewhere: a path that is no share of WSL's gets no warning of it.
func FuzzElsewhere(f *testing.F) {
	f.Add(`\\wsl.localhost\Debian\home\x`)
	f.Add(`\\WSL$`)
	f.Add(`\\`)
	f.Fuzz(func(t *testing.T, dir string) {
		if w := inLinux(dir); w != "" && !isUNC(dir) && isUNC(`\\`+dir) && inLinux(`\\`+dir) == "" {
			t.Errorf("%q: %s", dir, w)
		}
		_ = Elsewhere(dir) // must not panic
	})
}
