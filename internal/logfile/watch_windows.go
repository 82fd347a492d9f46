package logfile

// watchParent is not needed where polling goes on anyway.
const watchParent = false

// eventsMissing is always true: Windows notices a write only when the file's directory entry is brought up to date, which may be when the writer closes
// it (ReadDirectoryChangesW, FILE_NOTIFY_CHANGE_LAST_WRITE: "only when the file is written to the disk").
func eventsMissing(string) bool { return true }
