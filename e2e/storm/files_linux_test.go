package storm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

const (
	filesHuge = 1 << 40          // bytes, of a file that takes no disk
	filesSlow = 30 * time.Second // more than any verb takes, and less than reading filesHuge
)

// strange is what may stand where a file of apexd's is expected.
type strange struct {
	name    string
	make    func(path string) error
	worst   bool // it is tried also with -short, and as another user
	refused bool // it is no file that apexd may use: what it is, whose it is and what is in it stay as they are
}

func strangers() []strange {
	regular := func(mode fs.FileMode, uid int, size int64) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			return errors.Join(f.Truncate(size), f.Chmod(mode), f.Chown(uid, uid), f.Close())
		}
	}
	node := func(mode uint32, major, minor uint32) func(string) error {
		return func(path string) error {
			return errors.Join(unix.Mknod(path, mode|0o666, int(unix.Mkdev(major, minor))), os.Chmod(path, 0o666))
		}
	}
	return []strange{
		{"huge", regular(0o600, mallory, filesHuge), true, false},
		{"world-writable", regular(0o666, mallory, 0), false, false},
		{"another user's", regular(0o644, alice, 0), false, false},
		{"another user's, and theirs alone", regular(0o600, alice, 0), false, false},
		{"root's", regular(0o644, 0, 0), false, false},
		{"a FIFO", node(unix.S_IFIFO, 0, 0), true, true},
		{"an endless device", node(unix.S_IFCHR, 1, 5), true, true},      // /dev/zero
		{"a device without room", node(unix.S_IFCHR, 1, 7), false, true}, // /dev/full
		{"a block device", node(unix.S_IFBLK, 7, 200), false, true},      // a loop device that is not there
	}
}

// strangeFiles are the names that apexd reads or writes in .apex.
func strangeFiles() []string {
	return []string{"config.yaml", "daemon.env", "daemon.pid", "daemon.pid.lock", "daemon.log", "daemon.log.1", "daemon.log.2.gz", "daemon.log.idx", "daemon.history"}
}

// TestStrangeFiles: mallory's project, in which root, or mallory, runs every verb that reads or writes files of it, with one of these something else than apexd has made.
// Nothing blocks, takes memory or follows; what is no file of ours is as it was; no file changes its owner; who fails says of which file it is, in one error.
func TestStrangeFiles(t *testing.T) {
	if os.Geteuid() != 0 {
		gate.Skip(t, "needs root, for devices and other users")
	}
	for _, uid := range []int{0, mallory} {
		for _, s := range strangers() {
			for _, name := range strangeFiles() {
				if (uid != 0 || testing.Short()) && !s.worst {
					continue
				}
				t.Run(fmt.Sprintf("user %d, %s is %s", uid, name, s.name), func(t *testing.T) { beside(t, uid, name, s) })
			}
		}
	}
}

// strangeVerbs are the verbs, in an order in which each has something to do.
func strangeVerbs() [][]string {
	return [][]string{
		{"status"},
		{"config"},
		{"start"},
		{"status"},
		{"logs", "-n", "5"},
		{"logs", "--since", "1h"},
		{"logs", "--level", "error", "-n", "5"},
		{"history"},
		{"reload"},
		{"doctor"},
		{"list"},
		{"metrics"},
		{"restart"},
		{"stop"},
		{"kill"},
		{"status"},
		{"init"},
	}
}

func beside(t *testing.T, uid int, name string, s strange) {
	p := newPublic(t, uid)
	p.chown(mallory, 0o755)
	if err := os.Remove(p.apex(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := s.make(p.apex(name)); errors.Is(err, fs.ErrPermission) {
		gate.Skip(t, "no device can be made here: "+err.Error())
	} else if err != nil {
		t.Fatal(err)
	}
	before, said := p.seen(name), []string{}
	for _, args := range strangeVerbs() {
		a := p.bounded(args)
		said = append(said, fmt.Sprint(args[0], " ", a.Exit))
		switch {
		case a.Exit < 0:
			t.Errorf("%q: it hangs: %s", args, a.Text)
		case strings.Contains(a.Text, "panic:") || strings.Contains(a.Text, "goroutine "):
			t.Errorf("%q: %s", args, a.Text)
		case a.Code != "" && !strings.Contains(a.Text, name) && a.Code != "NOT_RUNNING":
			t.Errorf("%q: it does not say which file: %s", args, a.Text)
		}
		now := p.seen(name)
		if s.refused && now != before {
			t.Errorf("%q: it was %+v and is %+v", args, before, now)
		}
		if now.inode == before.inode && (now.owner != before.owner || now.mode != before.mode) {
			t.Errorf("%q: it was %+v and is %+v", args, before, now)
		}
	}
	t.Logf("%s", strings.Join(said, ", "))
}

// file is what a file is, but for its content and who has read it. The zero value is that there is none.
type file struct {
	inode, size  int64
	mode, owner  uint32
	written, put unix.Timespec // its content, and whatever else of it
}

func (p *public) seen(name string) file {
	var st unix.Stat_t
	if err := unix.Lstat(p.apex(name), &st); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			p.t.Error(err)
		}
		return file{}
	}
	return file{int64(st.Ino), st.Size, st.Mode, st.Uid, st.Mtim, st.Ctim}
}

// bounded runs a verb, and fails the test when it takes too much memory.
func (p *public) bounded(args []string) answer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), filesSlow)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := p.command(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)}}
	cmd.Stdout, cmd.Stderr = &out, &errs
	a := answered(cmd, cmd.Run(), out.Bytes(), errs.String())
	p.judgeMemory(cmd, args)
	return a
}
