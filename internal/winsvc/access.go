package winsvc

import (
	"crypto/sha1" //nolint:gosec // the SID of a service is defined by it
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Modify is what a service's account may do to its project: read, write, execute and delete, and not change who may (icacls calls it M).
const Modify = 0x1301bf

// Execute is what it takes to run a program: FILE_GENERIC_READ and FILE_GENERIC_EXECUTE.
const Execute = 0x1200a9

// ServiceSID is the SID of the service called name, and of its virtual account: S-1-5-80 and the SHA-1 of the upper-case name (what "sc.exe showsid" prints). Nobody has to be
// asked for it, and it is the same before the service is there and after it is gone. Names of services of ours have no letters but a to z.
func ServiceSID(name string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	sum := sha1.Sum(b) //nolint:gosec // as above
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

// Granted reports whether a directory with this security descriptor (SDDL) has an entry of its own by which sid may modify it and everything in it. An inherited one does not
// count: it goes when somebody changes the directory above.
func Granted(sddl, sid string) bool {
	if unlimited(sddl) {
		return true
	}
	for _, e := range entries(sddl) {
		if e.kind == "A" && strings.EqualFold(e.sid, sid) && !e.has("ID") && e.has("OI") && e.has("CI") && !e.has("IO") && e.mask()&Modify == Modify {
			return true
		}
	}
	return false
}

// Named reports whether a directory with this security descriptor has an entry of its own for sid, whatever that says.
func Named(sddl, sid string) bool {
	for _, e := range entries(sddl) {
		if strings.EqualFold(e.sid, sid) && !e.has("ID") {
			return true
		}
	}
	return false
}

// MayExecute reports whether the service with this SID may run a program with this security descriptor, by what everybody, every user, every service or it alone may. What is
// denied is not looked at.
func MayExecute(sddl, sid string) bool {
	if unlimited(sddl) {
		return true
	}
	var may uint32
	for _, e := range entries(sddl) {
		if e.kind != "A" || e.has("IO") {
			continue
		}
		switch e.sid {
		case "WD", "AU", "BU", "SU", "S-1-1-0", "S-1-5-11", "S-1-5-32-545", "S-1-5-6", "S-1-5-80-0", sid: // S-1-5-80-0 is all services
			may |= e.mask()
		}
	}
	return may&Execute == Execute
}

// unlimited reports whether there is no list, so that everybody may do everything. An empty one is the opposite.
func unlimited(sddl string) bool {
	_, dacl := parts(sddl)
	return !strings.Contains(sddl, "D:") || strings.Contains(dacl, "NO_ACCESS_CONTROL")
}

// entry is one entry of an access list.
type entry struct{ kind, flags, rights, sid string }

// has reports whether flag, two letters, is one of the entry's.
func (e entry) has(flag string) bool {
	for s := e.flags; len(s) >= 2; s = s[2:] {
		if s[:2] == flag {
			return true
		}
	}
	return false
}

// mask is the rights of a file that e names for certain: what is not known is none.
func (e entry) mask() uint32 {
	if strings.HasPrefix(e.rights, "0x") || strings.HasPrefix(e.rights, "0X") {
		if m := mask(e.rights); m != ^uint32(0) {
			return m
		}
		return 0
	}
	var m uint32
	for s := e.rights; len(s) >= 2; s = s[2:] {
		switch s[:2] {
		case "FA", "GA":
			m |= 0x1f01ff
		case "FR", "GR":
			m |= 0x120089
		case "FW", "GW":
			m |= 0x120116
		case "FX", "GX":
			m |= 0x1200a0
		case "SD":
			m |= rightDelete
		}
	}
	return m
}

// entries are the entries of the discretionary list.
func entries(sddl string) []entry {
	var out []entry
	_, dacl := parts(sddl)
	for _, ace := range aces(dacl) {
		if f := strings.SplitN(ace, ";", 7); len(f) >= 6 {
			out = append(out, entry{kind: f[0], flags: f[1], rights: f[2], sid: f[5]})
		}
	}
	return out
}
