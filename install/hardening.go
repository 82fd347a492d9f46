package install

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// baselineUser is what a user's manager can do without privileges: seccomp filters and a process flag (systemd.exec(5)).
func baselineUser() []setting {
	return []setting{{"NoNewPrivileges", "yes"}, {"LockPersonality", "yes"}, {"RestrictRealtime", "yes"}, {"RestrictSUIDSGID", "yes"}}
}

// kernel is what a service has no business with; a mount namespace keeps it away.
func kernel() []setting {
	return []setting{
		{"ProtectClock", "yes"},
		{"ProtectControlGroups", "yes"},
		{"ProtectHostname", "yes"},
		{"ProtectKernelLogs", "yes"},
		{"ProtectKernelModules", "yes"},
		{"ProtectKernelTunables", "yes"},
	}
}

func baselineSystem() []setting {
	return append(append(baselineUser(), setting{"ProtectSystem", "full"}), kernel()...)
}

// strictUser is baselineUser and what further filters give.
func strictUser() []setting {
	return append(
		baselineUser(),
		setting{"RestrictNamespaces", "yes"},
		setting{"RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"}, // AF_NETLINK: getaddrinfo(3), getifaddrs(3)
		setting{"SystemCallArchitectures", "native"},
		setting{"SystemCallFilter", "@system-service"},
		setting{"SystemCallFilter", "~@privileged @resources"},
		setting{"SystemCallErrorNumber", "EPERM"},
		setting{"UMask", "0077"},
	)
}

// strictSystem leaves out MemoryDenyWriteExecute, with which no just-in-time compiler runs (Node, Java), and ProcSubset=pid, which hides the boot id.
func strictSystem() []setting {
	return append(
		append(strictUser(), kernel()...),
		setting{"ProtectSystem", "strict"},
		setting{"ProtectHome", "read-only"},
		setting{"ProtectProc", "invisible"},
		setting{"PrivateDevices", "yes"},
		setting{"CapabilityBoundingSet", ""},
		setting{"AmbientCapabilities", ""},
		setting{"DevicePolicy", "closed"},
		setting{"KeyringMode", "private"},
		setting{"RemoveIPC", "yes"},
	)
}

// hardening is what the level takes from the daemon. The project and where its files are stay writable.
func hardening(r Request, scope service.Scope, out *Rendered) ([]setting, error) {
	var s []setting
	system := scope == service.ScopeSystem
	switch r.Hardening {
	case HardeningOff, "":
		return nil, nil
	case HardeningBaseline:
		if !system {
			return baselineUser(), nil
		}
		s = baselineSystem()
	case HardeningStrict:
		if !system {
			return strictUser(), nil
		}
		s = strictSystem()
	default:
		return nil, fmt.Errorf("unknown hardening %q: want off, baseline or strict", r.Hardening)
	}
	if r.Hardening == HardeningStrict {
		s = append(s, privateTmp(r, out)...)
	}
	paths, err := writable(r)
	if err != nil || paths == "" {
		return s, err
	}
	return append(s, setting{"ReadWritePaths", paths}), nil
}

// places are the directories that the daemon writes to.
func places(r Request) []string {
	p := []string{r.Spec.Project}
	for _, file := range []string{r.PIDFile, r.LogFile} {
		if file != "" {
			p = append(p, path.Dir(file))
		}
	}
	return p
}

// privateTmp gives the daemon a /tmp of its own, unless that would hide its own files.
func privateTmp(r Request, out *Rendered) []setting {
	for _, p := range append(places(r), r.Exec) {
		if below(p, "/tmp") || below(p, "/var/tmp") {
			out.Warnings = append(out.Warnings, fmt.Sprintf("%q is in a temporary directory, so that hardening strict goes without PrivateTmp", p))
			return nil
		}
	}
	return []setting{{"PrivateTmp", "yes"}}
}

// writable is the value of ReadWritePaths=: what ProtectSystem= and ProtectHome= would make read-only. "-" is for a directory that may not be there.
func writable(r Request) (string, error) {
	var out []string
	for _, p := range places(r) {
		if r.Hardening == HardeningBaseline && !slices.ContainsFunc([]string{"/usr", "/boot", "/efi", "/etc"}, func(d string) bool { return below(p, d) }) {
			continue
		}
		w, err := pathWord(p)
		if err != nil {
			return "", err
		}
		out = append(out, w)
	}
	if r.Hardening == HardeningStrict && r.Ref.StateDir != "" {
		w, err := pathWord(r.Ref.StateDir)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(w, `"`) {
			w = `"-` + w[1:]
		} else {
			w = "-" + w
		}
		out = append(out, w)
	}
	return strings.Join(slices.Compact(out), " "), nil
}

// below reports whether p is dir or in it.
func below(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
