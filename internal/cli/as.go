package cli

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"github.com/joshuaaferguson/apexd/service"
)

// asVerb comes before a verb in scripts of managers that run everything as root: "apexd as alice start …". It is no command of people's, who have sudo.
const asVerb = "as"

// become makes this process name's, wholly: user, groups, and what the environment says of both (as systemd.exec(5), "User=", does). It does nothing for name
// itself. Nobody else than root can; then a status is asked as oneself, and every other verb refused. Errors: PERMISSION_DENIED, START_FAILED.
func become(name, verb string) error {
	failed := &service.Error{Op: verb + " daemon as " + name, Code: service.CodeStartFailed}
	u, err := user.Lookup(name)
	if err != nil {
		failed.Err, failed.Hint = err, "the user whom the daemon was registered for: apexd install --run-as names another"
		return failed
	}
	self := os.Geteuid()
	if strconv.Itoa(self) != u.Uid && self != 0 {
		if verb == "status" {
			return nil
		}
		failed.Code, failed.Err, failed.Hint = service.CodePermissionDenied, fs.ErrPermission, "run the same command as "+name+", or with sudo"
		return failed
	}
	for k, v := range map[string]string{"HOME": u.HomeDir, "USER": u.Username, "LOGNAME": u.Username} {
		if err := os.Setenv(k, v); err != nil {
			return err
		}
	}
	if strconv.Itoa(self) == u.Uid {
		return nil
	}
	ids, err := u.GroupIds()
	if err == nil {
		err = switchTo(u.Uid, u.Gid, ids)
	}
	if err != nil {
		failed.Err = fmt.Errorf("cannot become that user: %w", err)
		return failed
	}
	return nil
}
