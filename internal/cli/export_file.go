package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/export"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// maxExport bounds what is read of a file that --output would replace, in bytes.
const maxExport = 1 << 20

// exportFile is a document on its way to a file.
type exportFile struct {
	path     string
	old, new string
	exists   bool
}

// planExport looks at what is at output: a file, or a directory, in which the document gets the name that engine e looks for. A file that is there and was not made for the same
// daemon is somebody else's. Errors: SERVICE_EXISTS.
func planExport(output string, e export.Engine, key, text string) (exportFile, error) {
	path, err := filepath.Abs(output)
	if err != nil {
		return exportFile{}, err
	}
	if os.IsPathSeparator(output[len(output)-1]) || dirExists(path) {
		path = filepath.Join(path, export.FileName(e, key))
	}
	f := exportFile{path: path, new: text}
	switch fi, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return f, unwritten("write the export", path, err)
	case !fi.Mode().IsRegular():
		return f, notOurs(path)
	}
	old, _, err := safefile.Read(path, maxExport)
	if err != nil {
		return f, unwritten("write the export", path, err)
	}
	if f.old, f.exists = string(old), true; !export.SameDaemon(f.old, text) {
		return f, notOurs(path)
	}
	return f, nil
}

func notOurs(path string) error {
	return &service.Error{
		Op: "write the export", Code: service.CodeServiceExists, Path: path, Err: fmt.Errorf("%q is there, and not of this daemon", path), Hint: "name a file that is not there yet",
	}
}

// changes reports whether there is anything to write.
func (f exportFile) changes() bool { return !f.exists || f.old != f.new }

// write puts the document in place in one step, readable for all: no secret is in it.
func (f exportFile) write() error {
	err := os.MkdirAll(filepath.Dir(f.path), 0o755)
	if err == nil {
		err = safefile.Replace(f.path, []byte(f.new), 0o644)
	}
	if err != nil {
		return unwritten("write the export", f.path, err)
	}
	return nil
}

// said is what a person is told after the write.
func (f exportFile) said() string {
	switch {
	case !f.changes():
		return f.path + " is up to date"
	case f.exists:
		return "changed " + f.path + "\n" + strings.TrimRight(install.Diff(f.old, f.new), "\n")
	}
	return "wrote " + f.path
}
