package proc

// CloseInherited does nothing: package os names the handles that a new process gets (CreateProcess, PROC_THREAD_ATTRIBUTE_HANDLE_LIST).
func CloseInherited() {}
