package storm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// weight is what a process takes of the machine, as the kernel says.
type weight struct {
	fds      int // open descriptors
	threads  int
	children int
	uss      int // KiB that are its alone (smaps_rollup, proc_pid_smaps(5): Private_Clean and Private_Dirty)
}

func (w weight) String() string {
	return fmt.Sprintf("%d descriptors, %d threads, %d children, %d KiB USS", w.fds, w.threads, w.children, w.uss)
}

func (w weight) within(limit weight) bool {
	return w.fds <= limit.fds && w.threads <= limit.threads && w.children <= limit.children && w.uss <= limit.uss
}

// weigh is the weight of process pid, which must be there.
func weigh(t *testing.T, pid int) weight {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	w := weight{fds: len(fds), threads: len(tasks), uss: privateKiB(pid)}
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err == nil { // a thread may have ended
			w.children += len(strings.Fields(string(b)))
		}
	}
	return w
}

// privateKiB is the process's USS; 0 when it is gone.
func privateKiB(pid int) int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	sum := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) >= 2 && (f[0] == "Private_Clean:" || f[0] == "Private_Dirty:") {
			n, _ := strconv.Atoi(f[1]) // the kernel writes numbers there
			sum += n
		}
	}
	return sum
}

// below lists every file and directory below the project's root, except what match says, by paths relative to it.
func (p *project) below(except func(path string) bool) []string {
	root := filepath.Dir(p.dir)
	var all []string
	_ = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if rel, e := filepath.Rel(root, path); err == nil && e == nil && rel != "." && !except(rel) { // what has gone meanwhile is not there
			all = append(all, rel)
		}
		return nil
	})
	slices.Sort(all)
	return all
}

// logBytes is what the project's log takes on the disk, all of its files, indexes and those under way together.
func (p *project) logBytes() int64 {
	var sum int64
	entries, _ := os.ReadDir(p.apex("")) // before the first start there is none
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && strings.HasPrefix(e.Name(), "daemon.log") {
			sum += fi.Size()
		}
	}
	return sum
}
