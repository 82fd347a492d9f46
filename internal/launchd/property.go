package launchd

// PropertyList is a job's as far as apexd writes one (launchd.plist(5)). The keys' order in the file is the alphabet's.
type PropertyList struct {
	Label                  string            `plist:"Label"`
	ProgramArguments       []string          `plist:"ProgramArguments"`
	WorkingDirectory       string            `plist:"WorkingDirectory,omitempty"`
	EnvironmentVariables   map[string]string `plist:"EnvironmentVariables,omitempty"`
	UserName               string            `plist:"UserName,omitempty"` // of a daemon of the system's
	RunAtLoad              bool              `plist:"RunAtLoad"`
	KeepAlive              *KeepAlive        `plist:"KeepAlive,omitempty"`
	ThrottleInterval       int               `plist:"ThrottleInterval,omitempty"` // seconds
	ExitTimeOut            int               `plist:"ExitTimeOut"`                // seconds
	ProcessType            string            `plist:"ProcessType,omitempty"`
	LimitLoadToSessionType string            `plist:"LimitLoadToSessionType,omitempty"`
}

// KeepAlive says when launchd starts a job again that has ended.
type KeepAlive struct {
	SuccessfulExit bool `plist:"SuccessfulExit"` // false: unless it has ended with status 0
}
