package supervise

import (
	"fmt"
	"strconv"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Windows ends a process with a number and nothing else. These two say who did it.
const (
	killedCode    = 128 + 9    // given by us when we end a tree: what a shell says of SIGKILL
	ctrlBreakCode = 0xC000013A // STATUS_CONTROL_C_EXIT: the console's request was not handled, which is SIGTERM's default action
)

// windowsExit is the end of a process that we have asked to stop, or killed, or neither. Other ends are numbers of up to 32 bits: 0xC0000005 is an
// access violation.
func windowsExit(code uint32, asked, killed bool, at time.Time) *service.Exit {
	e := &service.Exit{Code: int(code), At: at}
	switch {
	case killed && code == killedCode:
		e.Code, e.Signal = -1, "SIGKILL"
	case asked && code == ctrlBreakCode:
		e.Code, e.Signal = -1, "SIGTERM"
	}
	return e
}

// StatusText is an exit status as people look it up: Windows' codes of exceptions, which no other system's statuses reach, in hexadecimal and with the name of
// the common ones (ntstatus.h), others in decimal.
func StatusText(code int) string {
	const exception = 0x80000000 // severity warning or error (Microsoft, "NTSTATUS")
	c := uint32(code)            // an int of 32 bits has it negative
	if c < exception {
		return strconv.Itoa(code)
	}
	text := fmt.Sprintf("0x%08X", c)
	if name := exceptionName(c); name != "" {
		text += " (" + name + ")"
	}
	return text
}

func exceptionName(code uint32) string {
	switch code {
	case 0xC0000005:
		return "STATUS_ACCESS_VIOLATION"
	case 0xC0000017:
		return "STATUS_NO_MEMORY"
	case 0xC000001D:
		return "STATUS_ILLEGAL_INSTRUCTION"
	case 0xC000007B:
		return "STATUS_INVALID_IMAGE_FORMAT"
	case 0xC00000FD:
		return "STATUS_STACK_OVERFLOW"
	case 0xC0000135:
		return "STATUS_DLL_NOT_FOUND"
	case 0xC0000139:
		return "STATUS_ENTRYPOINT_NOT_FOUND"
	case ctrlBreakCode:
		return "STATUS_CONTROL_C_EXIT"
	case 0xC0000142:
		return "STATUS_DLL_INIT_FAILED"
	case 0xC0000374:
		return "STATUS_HEAP_CORRUPTION"
	case 0xC0000409:
		return "STATUS_STACK_BUFFER_OVERRUN" // abort() too
	}
	return ""
}
