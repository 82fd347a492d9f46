package supervise

import (
	"errors"
	"io/fs"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/internal/sockets"
)

// Hint says what to do about an error of CheckCommand, of executing the workload, or of opening our files.
func Hint(err error) string {
	var socket *sockets.Error
	switch {
	case errors.As(err, &socket):
		return socket.Hint()
	case errors.Is(err, errNoDir):
		return "make the directory, or change workingDirectory in .apex/config.yaml"
	case errors.Is(err, errNoProgram):
		return "check daemon.command in .apex/config.yaml, and PATH"
	case errors.Is(err, fs.ErrPermission):
		return "check the permissions: the program must be executable and .apex writable"
	case isExecFormat(err):
		return `a script needs a first line such as "#!/bin/sh", or name its interpreter: command: [sh, script]`
	case safefile.NoSpace(err):
		return "free some disk space and start again"
	}
	return ""
}
