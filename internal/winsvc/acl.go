package winsvc

import (
	"strconv"
	"strings"
)

// Access rights by which a file, or what is in a directory, can be changed (winnt.h, "File Access Rights Constants").
const (
	fileWriteData   = 0x2 // FILE_ADD_FILE of a directory
	fileAppendData  = 0x4 // FILE_ADD_SUBDIRECTORY
	fileDeleteChild = 0x40
	rightDelete     = 0x10000
	rightWriteDAC   = 0x40000
	rightWriteOwner = 0x80000
	genericAll      = 0x10000000
	genericWrite    = 0x40000000
)

// How much of a path is looked at: of a program, that nobody replaces it; of a directory above it, that nobody puts another one in its place. To add a file to a
// directory of others changes nothing that is there, and anybody may do so in C:\.
const (
	writesFile   = fileWriteData | fileAppendData | rightDelete | rightWriteDAC | rightWriteOwner | genericAll | genericWrite
	writesDir    = writesFile | fileDeleteChild
	replacesFrom = fileDeleteChild | rightDelete | rightWriteDAC | rightWriteOwner | genericAll
)

// What is a path to the service, for Writer.
const (
	OfFile   = writesFile   // a program
	OfDir    = writesDir    // the project
	OfParent = replacesFrom // a directory above
)

// Writer finds who, besides the system and its administrators, may change what has this security descriptor (SDDL: "O:BAG:SYD:(A;;FA;;;SY)"): a SID or its two letters,
// "everybody" where there is no list at all, or "". rights is OfFile, OfDir or OfParent. What only applies to children is left out, and what is denied is not looked at: a
// denied group says nothing of another one.
func Writer(sddl string, rights uint32) string {
	owner, dacl := parts(sddl)
	if owner != "" && !trusted(owner) {
		return owner // who may always change the list
	}
	if dacl == "" || strings.HasPrefix(dacl, "NO_ACCESS_CONTROL") {
		return "everybody"
	}
	for _, ace := range aces(dacl) {
		f := strings.SplitN(ace, ";", 7)
		if len(f) < 6 || f[0] != "A" && f[0] != "XA" && f[0] != "OA" || strings.Contains(f[1], "IO") {
			continue
		}
		if mask(f[2])&rights != 0 && !trusted(f[5]) {
			return f[5]
		}
	}
	return ""
}

// parts are the owner and the discretionary list. "O:", "G:", "D:" and "S:" head the parts; within the entries of a list there is no colon.
func parts(sddl string) (owner, dacl string) {
	if i := strings.Index(sddl, "S:"); i >= 0 && !strings.Contains(sddl[:i], "S:(") && i > strings.Index(sddl, "D:") {
		sddl = sddl[:i]
	}
	if i := strings.Index(sddl, "D:"); i >= 0 {
		sddl, dacl = sddl[:i], sddl[i+len("D:"):]
	}
	if i := strings.Index(sddl, "G:"); i >= 0 {
		sddl = sddl[:i]
	}
	return strings.TrimPrefix(sddl, "O:"), dacl
}

// aces are the texts between the parentheses of a list.
func aces(dacl string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(dacl, "(")
		if !ok {
			return out
		}
		ace, rest, _ := strings.Cut(rest, ")")
		out, dacl = append(out, ace), rest
	}
}

// mask is the number behind an entry's rights: hexadecimal, or pairs of letters (Microsoft, "ACE Strings"). One that is not known counts as every right.
func mask(s string) uint32 {
	if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0X") {
		n, err := strconv.ParseUint(s[2:], 16, 32)
		if err != nil {
			return ^uint32(0)
		}
		return uint32(n)
	}
	var m uint32
	for ; len(s) >= 2; s = s[2:] {
		switch s[:2] {
		case "FR", "FX", "GR", "GX", "RC", "LO", "RP", "CR", "SW": // read and execute; LO, RP, CR, SW are bits of reading in a file
		case "FW", "GW":
			m |= genericWrite
		case "CC", "KR": // 0x1, to read
		case "DC":
			m |= fileWriteData
		case "LC":
			m |= fileAppendData
		case "DT":
			m |= fileDeleteChild
		case "SD":
			m |= rightDelete
		case "WD":
			m |= rightWriteDAC
		case "WO":
			m |= rightWriteOwner
		case "WP": // 0x20, FILE_EXECUTE
		default: // FA, GA, and what is not known
			m |= ^uint32(0)
		}
	}
	return m
}

// trusted reports whether sid is the system's or its administrators': who is one of them needs no service to become one.
func trusted(sid string) bool {
	const installer = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464" // NT SERVICE\TrustedInstaller
	switch sid {
	case "SY", "S-1-5-18", "BA", "S-1-5-32-544", "LA", "DA", "EA", "CO", "S-1-3-0", "OW", "S-1-3-4", installer: // CO, OW: the owner, who is looked at by himself
		return true
	}
	return strings.HasPrefix(sid, "S-1-5-21-") && strings.HasSuffix(sid, "-500") // the built-in administrator
}
