package pty

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// Terminal is a terminal (pts(4)) without anybody at it: what is written to Keys was typed, and what is shown is read by Until.
type Terminal struct {
	Keys *os.File
	TTY  *os.File

	shown *bufio.Reader
}

// Open makes a terminal of that size, in cells, which ends with the test.
func Open(t testing.TB, width, height int) Terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		gate.Skip(t, "no terminals: "+err.Error())
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		gate.Skip(t, "no terminals: "+err.Error())
	}
	t.Cleanup(func() { tty.Close() })
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	return Terminal{master, tty, bufio.NewReader(master)}
}

// Until reads what is shown until text is, and returns all of it.
func (p Terminal) Until(t testing.TB, text string) string {
	t.Helper()
	var b strings.Builder
	for !strings.HasSuffix(b.String(), text) {
		c, err := p.shown.ReadByte()
		if err != nil {
			t.Fatalf("%v after %q, want %q", err, b.String(), text)
		}
		b.WriteByte(c)
	}
	return b.String()
}
