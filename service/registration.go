package service

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Scope says whose manager a daemon is registered with.
type Scope string

// The scopes. ScopeSystem starts at boot, ScopeUser when its user logs in, or at boot where the user lingers (loginctl(1)).
const (
	ScopeUser   Scope = "user"
	ScopeSystem Scope = "system"
)

// Registration is how a manager knows a daemon. The zero value is a daemon that none knows.
type Registration struct {
	Backend Kind
	Scope   Scope
	Service string // the manager's name for it: "apex-shop-1a2b3c4d.service"
}

// Orphan is a registration of a daemon whose project is gone.
type Orphan struct {
	Definition    string // the file, or other place, that it is written in
	Project, Name string
}

// NewRegistration is how the manager k knows, in scope s, the daemon called name of project, a real path.
func NewRegistration(k Kind, s Scope, project, name string) Registration {
	r := Registration{Backend: k, Scope: s, Service: RegistrationName(project, name)}
	if k == KindSystemd {
		r.Service += ".service"
	}
	return r
}

// maxReadable bounds the readable part of a RegistrationName: with the hash and a name of maxName it stays below the 128 bytes that a launchd label should
// have, and far below the 255 of a unit name (systemd.unit(5)).
const maxReadable = 32

// RegistrationName is the name under which managers know the daemon called name of project, a real path: "apex-shop-1a2b3c4d" for DefaultName,
// "apex-shop-1a2b3c4d-web" for others. The eight digits are of the path's SHA-256: two projects called shop do not share it. It has only letters, digits,
// '.', '_' and '-'.
func RegistrationName(project, name string) string {
	sum := sha256.Sum256([]byte(project))
	s := "apex-" + readable(project) + hex.EncodeToString(sum[:4])
	if name != DefaultName {
		s += "-" + name
	}
	return s
}

// readable is the last element of path with only lower-case letters and digits left, and what was between them as '-'; it ends with '-' unless empty.
func readable(path string) string {
	path = strings.TrimRight(path, `/\`)
	var b strings.Builder
	for _, c := range []byte(path[strings.LastIndexAny(path, `/\:`)+1:]) {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
			fallthrough
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			if b.Len() < maxReadable {
				b.WriteByte(c)
			}
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return strings.TrimSuffix(b.String(), "-") + "-"
}
