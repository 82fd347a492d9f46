package project

import "strings"

// Elsewhere says that dir is on a file system of another kernel, whose daemons' locks are not seen from here, and the other way round; or "". It is cheap, and asks nobody but this kernel.
func Elsewhere(dir string) string {
	if isUNC(dir) {
		return inLinux(dir)
	}
	if where := mountedFromWindows(dir); where != "" {
		return "the project is on a disk of Windows (" + where + "): a daemon that Windows runs there is not seen from here, nor this one from there; use one of the two"
	}
	return ""
}

func isUNC(dir string) bool { return strings.HasPrefix(dir, `\\`) }

// inLinux is the warning on Windows of a directory in WSL ("\\wsl.localhost\Debian\home\…").
func inLinux(dir string) string {
	host, rest, _ := strings.Cut(strings.TrimPrefix(dir, `\\`), `\`)
	if host = strings.ToLower(host); host != "wsl$" && host != "wsl.localhost" {
		return ""
	}
	distribution, _, _ := strings.Cut(rest, `\`)
	return "the project is in WSL (" + distribution + "): a daemon that Linux runs there is not seen from here, nor this one from there; use one of the two"
}

// fromWindows finds in mountinfo (proc_pid_mountinfo(5)) where the disk of Windows that dir is on is mounted, or "". WSL 1 has the type drvfs, WSL 2 a 9p or virtiofs that says so.
func fromWindows(mountinfo, dir string) string {
	best, windows := "", false
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(g) < 3 {
			continue
		}
		point := unescape(f[4])
		if !within(dir, point) || len(point) < len(best) {
			continue
		}
		best, windows = point, g[0] == "drvfs" || (g[0] == "9p" || g[0] == "virtiofs") && (strings.Contains(g[2], "aname=drvfs") || strings.HasPrefix(g[1], "drvfs"))
	}
	if !windows {
		return ""
	}
	return best
}

func within(dir, point string) bool {
	return point == "/" || dir == point || strings.HasPrefix(dir, point+"/")
}

// unescape undoes the octal of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
