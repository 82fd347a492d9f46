package launchd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"strings"
)

// maxDump bounds what is looked at of sfltool's answer, in bytes: it has some 500 for each background item of every user.
const maxDump = 4 << 20

// ErrNotTold says that background items are only told to root, or by no tool of this system (macOS before 13).
var ErrNotTold = errors.New("it is not told which background items are allowed")

// SwitchedOff reports whether somebody has switched the job of the property list at file off under Login Items, "Allow in the Background" (macOS 13 and later): then macOS does not let launchd start it, and launchctl
// says nothing of it. What is asked is sfltool(1), which prints that for people; an answer that is not understood is no. Errors: ErrNotTold, or what kept it from being asked. It asks as root alone,
// since macOS asks anybody else for a password on the screen.
func SwitchedOff(ctx context.Context, uid int, file string) (bool, error) {
	program := sfltool()
	if _, err := exec.LookPath(program); err != nil || uid != 0 {
		return false, ErrNotTold
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "dumpbtm")
	cmd.WaitDelay = ctlDelay
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return false, fmt.Errorf("sfltool dumpbtm: %w", err)
	}
	return parseItems(string(out.Bytes()[:min(out.Len(), maxDump)]), file), nil
}

// parseItems looks in the answer of `sfltool dumpbtm` for the item of the property list at file. Items follow one another, each with a Disposition, "[enabled, allowed, visible, notified]", before its URL; one that is
// not both enabled and allowed does not work (https://www.dssw.co.uk/powermanager/guide/finding-and-fixing/macos-login-items/, which has an answer; Apple's guide, "Manage login items and background tasks on
// Mac", names the command). The same file may have an item for each user: it is switched off where it is in all of them.
func parseItems(text, file string) bool {
	off, on := false, false
	allowed, known := false, false
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.HasPrefix(key, "#"): // the next item
			known = false
		case key == "Disposition":
			allowed, known = disposition(value)
		case key == "URL" && known && isFile(value, file):
			on, off = on || allowed, off || !allowed
		}
	}
	return off && !on
}

// disposition reads "[enabled, disallowed, visible, not notified] (0x1)".
func disposition(value string) (allowed, known bool) {
	value, _, closed := strings.Cut(strings.TrimPrefix(value, "["), "]")
	has := map[string]bool{}
	for word := range strings.SplitSeq(value, ",") {
		has[strings.TrimSpace(word)] = true
	}
	return has["enabled"] && has["allowed"], closed && (has["enabled"] || has["disabled"]) && (has["allowed"] || has["disallowed"])
}

// isFile reports whether address, "file:///Library/LaunchDaemons/x.plist", is that of file.
func isFile(address, file string) bool {
	u, err := url.Parse(strings.TrimSpace(address))
	return err == nil && u.Scheme == "file" && path.Clean(u.Path) == file
}
