package logfile

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
)

// part is one open file of a log.
type part struct {
	n      int // number, 0 for the present file
	f      *os.File
	fi     os.FileInfo
	gz     bool
	index  []entry
	from   int64 // where reading begins, in plain text
	stamps bool  // the lines' own times decide what is recent enough
	fresh  bool  // with stamps: lines before the first time are shown
	unsure bool  // there are such lines
}

// reader returns the plain text from off on; that of a plain file is a *textReader.
func (p *part) reader(off int64) (io.Reader, error) {
	if !p.gz {
		return newTextReader(p.f, off, p.fi.Size()), nil
	}
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(p.f)
	if err != nil {
		return nil, err
	}
	_, err = io.CopyN(io.Discard, z, off)
	return z, err
}

// parts is a log's files, oldest first.
type parts []*part

func (ps parts) close() {
	for _, p := range ps {
		p.f.Close()
	}
}

// errMoved: files were renamed while they were being opened.
var errMoved = errors.New("the log is rotated faster than it can be opened")

// snapshot opens all files of the log at path as they are at one moment, or only the newest up to the first that is enough. No files is not an error;
// errMoved is, after many tries.
func snapshot(path string, withIndex bool, enough func(*part) bool) (parts, error) {
	for range 100 { // one try takes some 100 µs, and even a flood rotates only some ten times a second
		ps, err := openParts(path, withIndex, enough)
		if err == nil && settled(path, ps) {
			return ps, nil
		}
		ps.close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, errMoved
}

// settled reports whether the path still names the file that was opened first: then nothing was renamed in between.
func settled(path string, ps parts) bool {
	fi, err := os.Lstat(path)
	if len(ps) == 0 || ps[len(ps)-1].n != 0 {
		return errors.Is(err, fs.ErrNotExist)
	}
	return err == nil && os.SameFile(fi, ps[len(ps)-1].fi)
}

// openParts opens the present file, then the others, newest first. ErrNotExist: files were renamed meanwhile, one before its turn, or one to a number
// whose turn was still to come (renaming begins with the highest, so none can be missed).
func openParts(path string, withIndex bool, enough func(*part) bool) (parts, error) {
	var ps parts
	p, err := openPart(path, 0, false, withIndex)
	if err == nil {
		ps = append(ps, p)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all, err := slots(path)
	if err != nil {
		return ps, err
	}
	for _, s := range all {
		if !s.holds() {
			continue
		}
		p, err := openPart(path, s.n, s.gz, withIndex)
		if err != nil {
			return ps, err
		}
		again := len(ps) > 0 && os.SameFile(p.fi, ps[len(ps)-1].fi)
		if ps = append(ps, p); again {
			return ps, fs.ErrNotExist
		}
		if enough(p) {
			break
		}
	}
	slices.Reverse(ps)
	return ps, nil
}

// everything is for a snapshot of all files.
func everything(*part) bool { return false }

func openPart(path string, n int, gz, withIndex bool) (*part, error) {
	name := plainName(path, n)
	if gz {
		name = gzName(path, n)
	}
	f, err := openShared(name)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p := &part{n: n, f: f, fi: fi, gz: gz}
	if withIndex {
		p.index = readIndex(path, n)
	}
	return p, nil
}

// is reports whether p holds the text of the file that fi describes, though p may be its compressed form: then it has the same time and length
// (compress keeps the time; RFC 1952 puts the length, modulo 2^32, at the end).
func (p *part) is(fi os.FileInfo) bool {
	if !p.gz {
		return os.SameFile(p.fi, fi)
	}
	var b [4]byte
	if _, err := p.f.ReadAt(b[:], max(p.fi.Size()-4, 0)); err != nil {
		return false
	}
	size := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	return size == uint32(fi.Size()) && p.fi.ModTime().Equal(fi.ModTime())
}
