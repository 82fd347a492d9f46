package winsvc

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of asking the SCM, beside fs.ErrPermission.
var (
	ErrNotInstalled = errors.New("the Service Control Manager has no such service")
	ErrStarted      = errors.New("the service runs already, or is on its way")
	ErrBusy         = errors.New("Windows is busy with other services") // for a moment: it is worth while to ask again
	ErrDeleting     = errors.New("the service is marked for deletion until whoever has it open closes it: the Services console, or a program that watches it")
)

// Root is where the services are in the registry, below HKEY_LOCAL_MACHINE.
const Root = `SYSTEM\CurrentControlSet\Services\`

// SourceRoot is where the sources of the Application log are.
const SourceRoot = `SYSTEM\CurrentControlSet\Services\EventLog\Application\`

// StartType is when a service starts by itself.
type StartType string

// The start types. Delayed comes some two minutes after the automatic ones, when logging on is over.
const (
	Automatic StartType = "auto"
	Delayed   StartType = "delayed"
	Manual    StartType = "manual"
	Disabled  StartType = "disabled"
)

// Enabled reports whether the service starts at boot.
func (t StartType) Enabled() bool { return t == Automatic || t == Delayed }

// Definition is a service as the SCM and the registry know it. Nothing in it is secret: everybody can read it.
type Definition struct {
	Name        string
	DisplayName string
	Description string
	ImagePath   string // a command line
	Start       StartType
	Account     string
	OwnSID      bool          // the service is somebody of its own, by its ServiceSID, also under an account that others have
	Depends     []string      // names of services that must run before
	Environment []string      // KEY=value, besides the system's
	Preshutdown time.Duration // how long Windows waits for it before it shuts down
	Recovery    string        // Recovery.String, "" where the system does not tell
}

// Owner is the daemon that d runs, by its command line. ours is false for a service that apexd has not made.
func (d Definition) Owner() (project, daemon string, ours bool) {
	argv := Argv(d.ImagePath)
	flags := map[string]string{}
	for i := 2; i+1 < len(argv); i += 2 {
		flags[argv[i]] = argv[i+1]
	}
	ours = len(argv) > 2 && argv[1] == "run" && flags["--keeper"] == "windows" && flags["--service"] == d.Name
	return flags["--project"], flags["--name"], ours
}

// String is d in lines, for people and for differences.
func (d Definition) String() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s=%s\n", key, value) }
	b.WriteString("[" + d.Name + "]\n")
	line("DisplayName", d.DisplayName)
	line("Description", d.Description)
	line("ImagePath", d.ImagePath)
	line("Start", string(d.Start))
	line("ObjectName", d.Account)
	if d.OwnSID {
		line("ServiceSidType", "unrestricted")
	}
	for _, s := range d.Depends {
		line("DependOnService", s)
	}
	for _, s := range d.Environment {
		line("Environment", s)
	}
	if d.Preshutdown > 0 {
		line("PreshutdownTimeout", d.Preshutdown.String())
	}
	if d.Recovery != "" {
		line("Recovery", d.Recovery)
	}
	return b.String()
}
