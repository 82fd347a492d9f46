//go:build !windows

package logfile

import "github.com/joshuaaferguson/apexd/internal/safefile"

// renameCurrent moves the present file away and opens a new one. The old file is written until the new one is there.
func (w *Writer) renameCurrent(to string) error {
	if err := safefile.Rename(w.p.Path, to); err != nil {
		return err
	}
	return w.openFile()
}

// discard removes a rotated file of the log at path. Whoever is reading it reads on.
func discard(_, name string) error { return remove(name) }

// remove removes a file of ours.
func remove(name string) error { return safefile.Remove(name) }
