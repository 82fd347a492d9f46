package winproc

import (
	"path/filepath"
	"slices"
	"strings"
)

// Programs are the files that path may mean, in the order in which they are looked for: "tool" is tool.com, tool.exe, tool.bat or tool.cmd, in the order of
// pathExt (the variable PATHEXT). Extensions that CreateProcess cannot execute, such as .JS, are not looked for: a shell opens those with another
// program. A path with an extension is looked for as it is, too.
func Programs(path, pathExt string) []string {
	exts := executable(pathExt)
	ext := strings.ToLower(filepath.Ext(path))
	var out []string
	if slices.Contains(exts, ext) {
		out = append(out, path)
	}
	for _, e := range exts {
		out = append(out, path+e)
	}
	if ext != "" && !slices.Contains(exts, ext) {
		out = append(out, path)
	}
	return out
}

// executable are the extensions of pathExt that CreateProcess executes, in lower case; all of them where it names none.
func executable(pathExt string) []string {
	all := []string{".com", ".exe", ".bat", ".cmd"}
	var out []string
	for _, e := range strings.Split(strings.ToLower(pathExt), ";") {
		if e = strings.TrimSpace(e); slices.Contains(all, e) && !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return all
	}
	return out
}
