package logfile

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestSnapshotOrder(t *testing.T) {
	path := threeFiles(t)
	put(t, plainName(path, 12), "oldest\n")
	ps, err := snapshot(path, true, everything)
	if err != nil {
		t.Fatal(err)
	}
	defer ps.close()
	var got []int
	for _, p := range ps {
		got = append(got, p.n)
	}
	if len(got) != 4 || got[0] != 12 || got[1] != 2 || !ps[1].gz || got[3] != 0 {
		t.Errorf("got %v", got)
	}
	few, err := snapshot(path, false, func(p *part) bool { return p.n == 1 })
	if err != nil || len(few) != 2 {
		t.Errorf("%d files, %v", len(few), err)
	}
	few.close()
}

func TestReaderOfAPart(t *testing.T) {
	path := threeFiles(t)
	ps, err := snapshot(path, false, everything)
	if err != nil {
		t.Fatal(err)
	}
	defer ps.close()
	text := numbered(0, 300, 50)
	for i, p := range ps {
		for _, off := range []int64{0, 50, 4999, 5000, 9999} {
			r, err := p.reader(off)
			var b []byte
			if err == nil || err == io.EOF {
				b, err = io.ReadAll(r)
			}
			want := text[i*5000+min(int(off), 5000) : (i+1)*5000]
			if err != nil || string(b) != want {
				t.Errorf("file %d from %d: %d bytes, want %d, %v", p.n, off, len(b), len(want), err)
			}
		}
	}
}

func TestPartIsWhatItWasBeforeCompression(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	text := numbered(0, 100, 50)
	put(t, path, text)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		at   time.Time
		want bool
	}{
		"the same":       {text, before.ModTime(), true},
		"another length": {text + "x", before.ModTime(), false},
		"another time":   {text, before.ModTime().Add(time.Second), false},
	} {
		t.Run(name, func(t *testing.T) {
			gz := gzName(path, 2)
			putGz(t, gz, tc.text)
			if err := os.Chtimes(gz, tc.at, tc.at); err != nil {
				t.Fatal(err)
			}
			p, err := openPart(path, 2, true, false)
			if err != nil {
				t.Fatal(err)
			}
			defer p.f.Close()
			if got := p.is(before); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
	put(t, gzName(path, 3), "") // shorter than any gzip file
	p, err := openPart(path, 3, true, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.f.Close()
	if p.is(before) {
		t.Error("an empty file was recognised")
	}
}

// Whoever opens the files while they are being rotated sees each line once, without a gap, up to the present one.
func TestShowDuringRotation(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 2000, MaxFiles: 40})
	write(t, w, numbered(0, 100, 50))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 100; i < 1100; i++ {
			if _, err := w.Write([]byte(numbered(i, i+1, 50))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 30 {
		got, _ := shown(t, path, all())
		checkNumbered(t, got, len(got)/50)
	}
	wg.Wait()
	got, _ := shown(t, path, all())
	checkNumbered(t, got, 1100)
}
