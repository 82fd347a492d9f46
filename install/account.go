package install

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/joshuaaferguson/apexd/service"
)

// Caller is who asks for a registration.
type Caller struct {
	UID  int  // -1 on Windows, which has none, and no manager but the system's
	Sudo bool // UID 0 through sudo(8): SUDO_UID names somebody else
}

// Scope is where c registers: want, else the system for root and the user's own manager for everybody else. Errors: PERMISSION_DENIED, with a hint.
func (c Caller) Scope(want service.Scope) (service.Scope, error) {
	switch {
	case c.UID < 0 && want != service.ScopeUser:
		return service.ScopeSystem, nil
	case c.UID < 0:
		return "", &service.Error{
			Op: "use your own manager", Code: service.CodeUnsupported, Err: errors.New("Windows has no service manager of a user's own"), Hint: "the same without --user, as an administrator",
		}
	case want == service.ScopeSystem && c.UID != 0:
		return "", &service.Error{
			Op: "use the system's manager", Code: service.CodePermissionDenied, Err: fs.ErrPermission,
			Hint: "sudo apexd … --system; or your own manager, without --system",
		}
	case want == service.ScopeUser && c.UID == 0 && c.Sudo:
		return "", &service.Error{
			Op: "use your own manager", Code: service.CodePermissionDenied, Err: errors.New("under sudo it is root's"),
			Hint: "the same without sudo",
		}
	case want != "":
		return want, nil
	case c.UID == 0:
		return service.ScopeSystem, nil
	}
	return service.ScopeUser, nil
}

// RunAs is whom a ScopeSystem daemon runs as: want, else the project's owner; never root unless want says so. name finds a user's name.
func RunAs(want string, owner int, name func(uid int) string) (string, error) {
	if want != "" {
		return want, nil
	}
	if owner > 0 {
		return name(owner), nil
	}
	return "", &service.Error{
		Op: "choose the daemon's user", Code: service.CodeInstallFailed, Err: errors.New("the project belongs to root, and the daemon would run as root"),
		Hint: "--run-as NAME says who else; --run-as root, if that is meant",
	}
}

// Entry is one element of a path, as its file system tells it.
type Entry struct {
	Path  string
	Owner int
	Mode  fs.FileMode
}

// CheckRoot reports why a daemon that runs as root must not depend on the file whose path has these elements: somebody else could replace it. Access
// control lists are not looked at.
func CheckRoot(entries []Entry) error {
	return onlyRoots(entries, "run the daemon as root", "then become root", func(path string) string {
		return "let it run as the project's owner (without --run-as root), or: sudo chown root " + path + " && sudo chmod go-w " + path
	})
}

// CheckProgram reports why root must not execute the apexd whose path has these elements, as an init script does before it takes on the daemon's user.
func CheckProgram(entries []Entry) error {
	return onlyRoots(entries, "have root execute apexd", "have root execute anything", func(string) string {
		return "put apexd where only root writes: sudo install -m 755 apexd /usr/local/bin"
	})
}

// CheckSocket reports why the system's manager must not make a Unix socket for another user in the directory whose path has these elements. It gives the file away
// by its path (SocketUser=, systemd.socket(5)), as root, and whoever can write the directory can have a link to another file there by then.
func CheckSocket(entries []Entry) error {
	return onlyRoots(entries, "have systemd make the socket", "have root give any file away", func(string) string {
		return "put the socket below /run; or register without --system, where systemd is not root"
	})
}

// onlyRoots is the error of op where somebody who is not root could replace one of a path's elements; what he could do then, and the hint for that element.
func onlyRoots(entries []Entry, op, could string, hint func(path string) string) error {
	e, why := intruder(entries)
	if why == "" {
		return nil
	}
	return &service.Error{
		Op: op, Code: service.CodeInstallFailed, Path: e.Path, Err: fmt.Errorf("%q %s, who could %s", e.Path, why, could), Hint: hint(e.Path),
	}
}

// intruder is the first of a path's elements that somebody who is not root could replace, and why; "" where there is none.
func intruder(entries []Entry) (Entry, string) {
	for i, e := range entries {
		why := ""
		switch {
		case e.Owner != 0:
			why = "belongs to user " + strconv.Itoa(e.Owner)
		case e.Mode&fs.ModeSymlink != 0: // its own mode means nothing
		case e.Mode.Perm()&0o022 != 0 && (i == len(entries)-1 || e.Mode&fs.ModeSticky == 0): // in a sticky directory, nobody replaces what is root's
			why = "can be written by others than root"
		}
		if why != "" {
			return e, why
		}
	}
	return Entry{}, ""
}
