package history

import "syscall"

// wine reports whether this Windows is Wine, by the function that only its ntdll has.
func wine() bool { return syscall.NewLazyDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil }
