// Package homes finds the home directories of the users of this machine, for what is kept one copy a user. It changes nothing.
package homes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Home is where a user keeps files. Nobody promises that Dir exists.
type Home struct{ User, Dir string }

// All returns the homes of this machine's users, each directory once: those in /etc/passwd (passwd(5)), and what is in the directory that goos keeps homes in,
// where users of a directory service have theirs. own, the caller's, tells that directory on Windows. An error names what could not be read; the
// rest is returned with it.
func All(goos, own string) ([]Home, error) {
	var found []Home
	var errs []error
	base := "/home"
	switch goos {
	case "windows":
		base = filepath.Dir(own)
	case "darwin", "ios":
		base = "/Users"
	}
	if goos != "windows" {
		b, err := os.ReadFile("/etc/passwd")
		found, errs = parse(b), append(errs, ignoreMissing(err))
	}
	below, err := under(base)
	found, errs = append(found, below...), append(errs, ignoreMissing(err))
	return unique(found), errors.Join(errs...)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// parse reads the lines of passwd(5): name:password:UID:GID:comment:directory:shell. What is not such a line is passed over.
func parse(passwd []byte) []Home {
	var found []Home
	for line := range bytes.Lines(passwd) {
		fields := strings.Split(strings.TrimRight(string(line), "\r\n"), ":")
		if len(fields) == 7 && fields[0] != "" && fields[0][0] != '#' && filepath.IsAbs(fields[5]) {
			found = append(found, Home{fields[0], filepath.Clean(fields[5])})
		}
	}
	return found
}

// under returns the directories in base, named after their users as is the custom.
func under(base string) ([]Home, error) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, fmt.Errorf("cannot read the homes in %q: %w", base, err)
	}
	var found []Home
	for _, e := range entries {
		if e.IsDir() {
			found = append(found, Home{e.Name(), filepath.Join(base, e.Name())})
		}
	}
	return found, nil
}

// unique keeps the first of each directory: several system users may share one.
func unique(found []Home) []Home {
	seen := make(map[string]bool, len(found))
	return slices.DeleteFunc(found, func(h Home) bool {
		again := seen[h.Dir]
		seen[h.Dir] = true
		return again
	})
}
