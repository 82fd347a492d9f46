package proc

import (
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// vmCounters is VM_COUNTERS (winternl.h, phnt): what NtQueryInformationProcess answers to ProcessVmCounters.
type vmCounters struct {
	peakVirtual, virtual           uintptr
	pageFaults                     uint32
	peakWorkingSet, workingSet     uintptr
	quotaPeakPaged, quotaPaged     uintptr
	quotaPeakNonPaged, quotaPaged1 uintptr
	pagefile, peakPagefile         uintptr
}

// samples asks each of pids. Nobody is below another here.
func samples(pids []int) (map[int]sample, error) {
	table := make(map[int]sample, len(pids))
	for _, pid := range pids {
		if s, ok := sampleOf(pid); ok {
			table[pid] = s
		}
	}
	return table, nil
}

func sampleOf(pid int) (sample, bool) {
	h, err := openProcess(pid, windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE)
	if err != nil {
		return sample{}, false
	}
	defer windows.CloseHandle(h)
	var created, exited, kernel, user windows.Filetime
	if ended(h) || windows.GetProcessTimes(h, &created, &exited, &kernel, &user) != nil {
		return sample{}, false
	}
	var vm vmCounters
	if err := windows.NtQueryInformationProcess(h, windows.ProcessVmCounters, unsafe.Pointer(&vm), uint32(unsafe.Sizeof(vm)), nil); err != nil {
		vm.workingSet = 0
	}
	return sample{cpu: time.Duration(ticks100(kernel)+ticks100(user)) * 100, memory: int64(vm.workingSet)}, true
}

// ticks100 is a span of time, in units of 100 ns.
func ticks100(f windows.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
