package apiserver

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// residentBytes is what /proc/self/status says (proc_pid_status(5)), in kB.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("/proc is not mounted: %v", err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	var kb int64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

func TestMeasure(t *testing.T) {
	resident := residentBytes(t)
	before := measure()
	// Newer kernels let statm lag behind by some pages a CPU.
	if diff := before.resident - resident; diff < -64<<20 || diff > 64<<20 || before.resident < 1<<20 {
		t.Errorf("%d bytes are resident; /proc/self/status says %d", before.resident, resident)
	}
	if before.openFDs < 3 || before.cpu <= 0 || before.goroutines < 2 {
		t.Errorf("not plausible: %+v", before)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if after := measure(); after.openFDs != before.openFDs+1 || after.cpu < before.cpu {
		t.Errorf("with one more file: %+v, before %+v", after, before)
	}
}
