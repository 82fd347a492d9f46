package safefile

import "golang.org/x/sys/unix"

// holdDir opens a directory that may be searched, also where it may not be read (open(2)).
const holdDir = unix.O_PATH
