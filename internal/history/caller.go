package history

import (
	"os"
	"os/user"
	"strconv"
)

// Caller is who runs this process, for Event.By: "alice", "alice by sudo", or "uid 1000" where the user has no name. The variable that sudo sets is believed: it is an account for people, and no
// proof.
func Caller(getenv func(string) string) string {
	if name := getenv("SUDO_USER"); name != "" && os.Geteuid() == 0 {
		return name + " by sudo"
	}
	u, err := user.Current()
	switch {
	case err == nil && u.Username != "":
		return u.Username
	case err == nil:
		return "uid " + u.Uid
	}
	return "uid " + strconv.Itoa(os.Getuid())
}
