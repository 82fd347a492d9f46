package project

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"path/filepath"
	"strings"
)

// Paths are the files of one daemon, before the configuration moves any (CONTRACT.md section 2).
type Paths struct {
	Dir     string // .apex
	Config  string // config.yaml, shared by all daemons of the project
	PIDFile string // the record
	Lock    string // always PIDFile + ".lock"
	Log     string // the current log; rotated ones have a number added
	History string // lifecycle events, one JSON line each
	EnvFile string // optional secrets
}

// PathsOf returns the files of the daemon called name in project.
func PathsOf(project, name string) Paths {
	dir := filepath.Join(project, DirName)
	base := filepath.Join(dir, name)
	return Paths{
		Dir:     dir,
		Config:  filepath.Join(dir, "config.yaml"),
		PIDFile: base + ".pid",
		Lock:    base + ".pid.lock",
		Log:     base + ".log",
		History: base + ".history",
		EnvFile: base + ".env",
	}
}

// StateDir is this user's directory for what must outlive a deleted .apex: $XDG_STATE_HOME/apexd or ~/.local/state/apexd (XDG Base Directory
// Specification, where a relative value is to be ignored), ~/Library/Application Support/apexd, %LocalAppData%\apexd. It is "" when there is no
// home to put it in. The separators are those of goos.
func StateDir(goos string, env func(string) string, home string) string {
	switch goos {
	case "windows":
		if base := env("LocalAppData"); base != "" {
			return windowsJoin(base, "apexd")
		}
		if home != "" {
			return windowsJoin(home, `AppData\Local\apexd`)
		}
		return ""
	case "darwin", "ios":
		if home != "" {
			return path.Join(home, "Library/Application Support/apexd")
		}
		return ""
	}
	if base := env("XDG_STATE_HOME"); path.IsAbs(base) {
		return path.Join(base, "apexd")
	}
	if home != "" {
		return path.Join(home, ".local/state/apexd")
	}
	return ""
}

func windowsJoin(dir, rest string) string { return strings.TrimRight(dir, `\/`) + `\` + rest }

const (
	maxPrefix = 31 // of Key, so that the whole is at most 44 bytes
	hashBytes = 6  // of SHA-256, in hex: 12 digits
)

// Key is the stable short name of one daemon outside of its project, for state, unit and service names: a readable prefix from the project's
// base name, "-", and a hash of the real path of pidFile. It matches [a-z0-9][a-z0-9-]* and has at most 44 bytes. The record need not exist.
func Key(project, pidFile string) string {
	sum := sha256.Sum256([]byte(realPath(pidFile)))
	return slug(filepath.Base(project)) + "-" + hex.EncodeToString(sum[:hashBytes])
}

// slug keeps the ASCII letters and digits of name, in lower case, with one "-" for each run of others.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if b.Len() == maxPrefix {
			break
		}
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteByte(byte(r))
		case b.Len() > 0 && b.String()[b.Len()-1] != '-':
			b.WriteByte('-')
		}
	}
	if s := strings.TrimRight(b.String(), "-"); s != "" {
		return s
	}
	return "project"
}

// realPath resolves the links in the directories of p that exist, so that the result is the same before and after the rest is created.
func realPath(p string) string {
	if abs, err := filepath.Abs(p); err == nil {
		p = abs
	}
	for dir, rest := filepath.Dir(p), filepath.Base(p); ; {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return p
		}
		dir, rest = up, filepath.Join(filepath.Base(dir), rest)
	}
}
