package config

import (
	"bytes"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/service"
)

// Locate returns where the record and the log are, and reads no more than that takes: a file that does not mention pidFile or logFile is not
// parsed. It always answers; warning says what is wrong with the part of the configuration that it looked at, and then the answer may be that of
// a lower layer or the default.
func Locate(in Input) (pidFile, logFile string, warning error) {
	d, err := newDraft(in)
	d.pathsOnly = true
	if err == nil {
		err = d.load()
	}
	pid, log := d.abs(d.spec.PIDFile), d.abs(d.spec.Log.Path)
	if err == nil {
		err = d.problems.err()
	}
	return pid, log, err
}

// mentionsPaths reports whether b may set pidFile or logFile. Comments do not count. A backslash could spell the keys in another way, and so could
// UTF-16, which yaml recognises by its byte order mark.
func mentionsPaths(b []byte) bool {
	if bytes.IndexByte(b, '\\') >= 0 || bytes.HasPrefix(b, []byte{0xfe, 0xff}) || bytes.HasPrefix(b, []byte{0xff, 0xfe}) {
		return true
	}
	return mentions(b, []byte("pidFile")) || mentions(b, []byte("logFile"))
}

func mentions(b, name []byte) bool {
	for {
		i := bytes.Index(b, name)
		if i < 0 {
			return false
		}
		line := b[bytes.LastIndexByte(b[:i], '\n')+1 : i]
		if !bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) {
			return true
		}
		b = b[i+len(name):]
		if end := bytes.IndexByte(b, '\n'); end >= 0 {
			b = b[end:]
		} else {
			return false
		}
	}
}

// A workload runs with APEX_DAEMON_MODE=1 and with the variables below set for the daemon that contains it. When it calls apexd for another daemon
// (--project or --name), those must not apply: both would share one record. What was set for the workload cannot be told from what
// somebody set by hand inside of it; there, use --pid-file and --log-file.

// setForWorkload reports whether apexd sets the environment variable name for a workload.
func setForWorkload(name string) bool {
	switch name {
	case "APEX_PID_FILE", "APEX_LOG_FILE", "APEX_LOG_LEVEL", "APEX_POLL_INTERVAL":
		return true
	}
	return false
}

// forOtherDaemon reports whether env is that of a workload of another daemon than name in project.
func forOtherDaemon(env func(string) (string, bool), project, name string) bool {
	if mode, _ := env("APEX_DAEMON_MODE"); mode != "1" {
		return false
	}
	outerProject, _ := env("APEX_PROJECT_PATH")
	outerName, _ := env("APEX_DAEMON_NAME")
	if outerName == "" {
		outerName = service.DefaultName
	}
	return filepath.Clean(outerProject) != filepath.Clean(project) || outerName != name
}

// DaemonName is the daemon that is meant in project: flag, else APEX_DAEMON_NAME, else service.DefaultName. The variable does not
// count inside a workload of another project's daemon, where it is that daemon's.
func DaemonName(flag, project string, env func(string) (string, bool)) string {
	if flag != "" {
		return flag
	}
	name, _ := env("APEX_DAEMON_NAME")
	if name == "" || forOtherDaemon(env, project, name) {
		return service.DefaultName
	}
	return name
}
