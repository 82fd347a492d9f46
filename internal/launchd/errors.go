package launchd

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// What an Error matches.
var (
	// ErrNotLoaded: launchd has no such job in that domain. Its property list may be there all the same.
	ErrNotLoaded = errors.New("launchd has no such job loaded")
	// ErrBusy: launchd has not finished with an earlier request for the same label, or says so of something else: it clears up, or does not.
	ErrBusy = errors.New("launchd is not ready for it")
	// ErrDisabled: somebody has disabled the job, and launchd does not load it.
	ErrDisabled = errors.New("the job is disabled")
	// ErrNoDomain: nobody is logged in as that user, in that way.
	ErrNoDomain = errors.New("launchd has no such domain")
	// ErrOtherSession: the property list is for another kind of session than the domain is.
	ErrOtherSession = errors.New("the job is for another kind of session")
	// ErrUnknownVerb: this launchctl has no such subcommand.
	ErrUnknownVerb = errors.New("launchctl has no such subcommand")
)

// Error is what launchctl answered when it did not do what it was asked.
type Error struct {
	Verb   string // "bootstrap"
	Target string // "gui/501/apex-shop-1a2b3c4d", "gui/501"
	Status int    // the number of the error: launchctl's exit status, or the one in what it said
	Said   string // its own words, one line
}

// Error has launchctl's words and what they mean.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "launchctl %s %s: error %d", e.Verb, e.Target, e.Status)
	if w := Words(e.Status); w != "" {
		b.WriteString(", " + w)
	}
	if e.Said != "" {
		b.WriteString(" (" + e.Said + ")")
	}
	return b.String()
}

// Is matches the sentinels of this package and fs.ErrPermission.
func (e *Error) Is(target error) bool {
	switch e.Status {
	case statusNoProcess, statusNoService:
		return target == ErrNotLoaded
	case statusIO, statusInProgress, statusAlready:
		return target == ErrBusy
	case statusDisabled:
		return target == ErrDisabled
	case statusNoDomain, statusNoAction:
		return target == ErrNoDomain
	case statusSession:
		return target == ErrOtherSession
	case statusUsage:
		return target == ErrUnknownVerb
	case statusPermission, statusAccess, statusSIP:
		return target == fs.ErrPermission
	}
	return false
}

// Statuses that something depends on. Below 107 they are those of <sys/errno.h> and <sysexits.h>, from there on launchd's own, as `launchctl error N` prints them.
const (
	statusPermission = 1  // EPERM
	statusNoProcess  = 3  // ESRCH
	statusIO         = 5  // EIO
	statusAccess     = 13 // EACCES
	statusInProgress = 36 // EINPROGRESS
	statusAlready    = 37 // EALREADY
	statusUsage      = 64 // EX_USAGE
	statusNoDomain   = 112
	statusNoService  = 113
	statusDisabled   = 119
	statusNoAction   = 125
	statusSession    = 134
	statusSIP        = 150
)

// Words explain an error of launchctl to somebody who has not read launchd's sources; "" for one that says enough by itself.
func Words(status int) string {
	switch status {
	case statusPermission, statusAccess:
		return "not permitted: the system's domain is root's, another user's is his and root's"
	case statusNoProcess:
		return "no such process: the job is not loaded, or does not run"
	case statusIO:
		return "input/output error, which launchd says of anything: mostly that the label is still or already loaded, or that the property list may not be read"
	case 17:
		return "the label is loaded already"
	case statusInProgress, statusAlready:
		return "launchd is still busy with an earlier request for this label"
	case statusUsage:
		return "this launchctl has no such subcommand"
	case 78:
		return "the program could not be executed: it, its working directory or its log is missing, or may not be used"
	case 108:
		return "the path of the property list is wrong"
	case 109:
		return "it is no property list, or one that launchd does not accept"
	case 110, 111:
		return "the property list has no label, or nothing to run"
	case statusNoDomain:
		return "there is no such domain: that user is not logged in"
	case statusNoService:
		return "launchd has no such job loaded"
	case 114, 115:
		return "the user or group in the property list does not exist"
	case statusDisabled:
		return "the job is disabled"
	case 122:
		return "the property list may be written by others, or is somebody else's: launchd reads only what its user, or root, alone can change"
	case 124:
		return "that user is being logged out"
	case statusNoAction:
		return "that domain cannot have jobs: nobody is logged in at the screen as that user (over ssh, or under sudo), or background items are not allowed"
	case 133:
		return "several things went wrong"
	case statusSession:
		return "the property list is for another kind of session (LimitLoadToSessionType)"
	case statusSIP:
		return "System Integrity Protection does not allow it"
	case 155:
		return "the program is quarantined: xattr -d com.apple.quarantine lets it run"
	}
	return ""
}

// number is the status of an answer. An exit status of 1 may be launchctl's own, with launchd's in the text: "Bootstrap failed: 5: Input/output error".
func number(status int, said string) int {
	if status != statusPermission {
		return status
	}
	for _, part := range strings.Split(said, ": ")[1:] {
		if n, err := strconv.Atoi(part); err == nil && n > 0 {
			return n
		}
	}
	if strings.Contains(said, "Could not find service") {
		return statusNoService
	}
	return status
}
