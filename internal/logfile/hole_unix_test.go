//go:build linux || darwin || freebsd

package logfile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// huge is more than can be read within any test's time.
const huge = 1 << 40

// sparse makes a file of which only the texts are written, each at its offset, and which has size bytes.
func sparse(t *testing.T, path string, size int64, texts map[int64]string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for off, text := range texts {
		if _, err := f.WriteAt([]byte(text), off); err != nil {
			t.Skip("no such large files here: " + err.Error())
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Skip("no such large files here: " + err.Error())
	}
	if _, err := f.Seek(0, 0); err != nil || nextData(f, size-1) != size || nextHole(f, 0) >= size {
		t.Skip("this file system has no holes")
	}
}

// block is larger than the blocks of any file system: holes begin and end with one.
const block = 1 << 20

// TestHoles: a log of a terabyte of which nothing was written is shown at once, in all ways, and what was written is.
func TestHoles(t *testing.T) {
	const first, last = "first line\n", "level=error msg=last\n"
	for _, row := range []struct {
		name  string
		texts map[int64]string
		want  string
	}{
		{"nothing", nil, ""},
		{"at its end", map[int64]string{huge - int64(len(last)): last}, last},
		{"at its beginning and end", map[int64]string{0: first, huge - int64(len(last)): last}, first + last},
		{"in its middle", map[int64]string{huge / 2: last}, last},
	} {
		for _, v := range []View{{Lines: -1}, {Lines: 2}, {Lines: 1000}, {Lines: -1, Since: time.Now().Add(-time.Hour)}, {Lines: 5, Level: "error"}} {
			t.Run(row.name, func(t *testing.T) {
				path := filepath.Join(tempDir(t), "daemon.log")
				sparse(t, path, huge, row.texts)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var told []string
				v.Warn = func(s string) { told = append(told, s) }
				var out bytes.Buffer
				if err := Show(ctx, &out, path, v); err != nil || ctx.Err() != nil {
					t.Fatal(err, ctx.Err())
				}
				want := row.want
				if v.Level != "" {
					want = strings.TrimPrefix(want, first)
				}
				if got := strings.ReplaceAll(out.String(), "\x00", ""); got != want || out.Len() > 4*block { // the rest of a block reads as zeros
					t.Errorf("%d bytes, %.100q, want %.100q", out.Len(), got, want)
				}
				if v.Lines < 0 && !strings.Contains(strings.Join(told, "\n"), path+": ") {
					t.Errorf("nobody was told: %q", told)
				}
			})
		}
	}
}

// TestWrittenZeros: they are text.
func TestWrittenZeros(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	text := "a\x00b\n" + strings.Repeat("\x00", 2*block) + "\n"
	put(t, path, text)
	var out bytes.Buffer
	if err := Show(t.Context(), &out, path, View{Lines: -1}); err != nil || out.String() != text {
		t.Errorf("%v, %d bytes of %d", err, out.Len(), len(text))
	}
	if hasHole(path) {
		t.Error("it is said to have a hole")
	}
}

// TestFollowHole: what comes after a hole is shown, and not the hole.
func TestFollowHole(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	sparse(t, path, huge, map[int64]string{0: "old\n"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	w := writerFunc(func(b []byte) (int, error) {
		out.Write(b)
		if strings.HasSuffix(out.String(), "new\n") {
			cancel()
		}
		return len(b), nil
	})
	begun := make(chan struct{})
	go func() {
		<-begun
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("new\n"), huge+huge/2)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}()
	err := Show(ctx, w, path, View{Lines: 0, Follow: true, Began: func() { close(begun) }})
	if err != nil || !errors.Is(ctx.Err(), context.Canceled) || strings.TrimLeft(out.String(), "\x00") != "new\n" {
		t.Errorf("%v, %v, %d bytes", err, ctx.Err(), out.Len())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestHolesAreNotCompressed: it would take hours of a processor, to save nothing.
func TestHolesAreNotCompressed(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	sparse(t, plainName(path, 2), huge, map[int64]string{0: "old\n"})
	put(t, plainName(path, 3), "older\n")
	w := &Writer{p: service.LogPolicy{Path: path, Compress: true}}
	if n := w.nextToPack(); n != 3 {
		t.Errorf("number %d is the next to be compressed, want 3", n)
	}
}
