//go:build unix

package main

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// whose is the user that a domain belongs to: "gui/501" to 501, the system's to root.
func whose(domain string) int {
	uid, err := strconv.Atoi(domain[strings.IndexByte(domain, '/')+1:])
	if err != nil {
		return 0
	}
	return uid
}

// permitted is launchd's word to somebody who asks for what is not his: root may change everything, a user his own domains. Anybody may look (launchctl(1)). What bootstrap says of it is
// error 5, like most that it has to say to anybody but root.
func (m *machine) permitted(verb string, args []string, uid int) (answer, bool) {
	says, changes := map[string]string{
		"bootstrap": "Bootstrap failed", "bootout": "Boot-out failed", "enable": "Could not enable service", "disable": "Could not disable service",
		"kickstart": "Could not kickstart service", "kill": "Could not signal service",
	}[verb]
	if !changes || len(args) == 0 || uid == 0 {
		return answer{}, true
	}
	target := args[len(args)-1]
	if verb == "bootstrap" {
		target = args[0] + "/"
	}
	domain, _, _, ok := m.find(target)
	switch {
	case !ok || domain != "system" && whose(domain) == uid:
		return answer{}, true
	case verb == "bootstrap":
		a := failure(says, 5)
		a.Err += "Try re-running the command as root for richer errors.\n"
		return a, false
	}
	return failure(says, 1), false
}

// account is the environment and the credentials that a job starts with: in the system's domain those of UserName, else root's, with all of the user's groups (launchd.plist(5), InitGroups).
func (j *job) account() ([]string, *syscall.Credential, error) {
	u, err := user.LookupId(strconv.Itoa(whose(j.domain)))
	if j.domain == "system" && j.p.UserName != "" {
		u, err = user.Lookup(j.p.UserName)
	}
	if err != nil {
		return nil, nil, err
	}
	home := u.HomeDir
	if u.Uid == strconv.Itoa(os.Getuid()) { // of a test's user, whose own it must not be
		home = os.Getenv("HOME")
	}
	env := []string{
		"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + home, "USER=" + u.Username, "LOGNAME=" + u.Username, "SHELL=/bin/zsh", "TMPDIR=/tmp/",
		"XPC_SERVICE_NAME=" + j.p.Label, "XPC_FLAGS=0x0",
	}
	cred, err := credential(u)
	if err != nil || int(cred.Uid) == os.Getuid() {
		return env, nil, err
	}
	return env, cred, nil
}

// credential is u as the kernel has it.
func credential(u *user.User) (*syscall.Credential, error) {
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	var ids []uint32
	for _, id := range append([]string{u.Uid, u.Gid}, groups...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, err
		}
		ids = append(ids, uint32(n))
	}
	return &syscall.Credential{Uid: ids[0], Gid: ids[1], Groups: ids[2:]}, nil
}
