package term

import (
	"unicode"
	"unicode/utf8"
)

// Width is how many cells s takes, which must have no control characters: 2 for a wide character of East Asia and an emoji (Unicode UAX #11), none for a mark on the
// character before.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case wide(r):
		return 2
	}
	return 1
}

// wide: the blocks whose characters have East_Asian_Width W or F.
func wide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115f, r >= 0x2e80 && r <= 0x303e, r >= 0x3041 && r <= 0xa4cf, r >= 0xa960 && r <= 0xa97f, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1f64f, r >= 0x1f680 && r <= 0x1f6ff,
		r >= 0x1f900 && r <= 0x1f9ff, r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return false
}

// Fit is the beginning of s in at most n cells, with "…" where something is missing.
func Fit(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if Width(s) <= n {
		return s
	}
	used, end := 1, 0 // the mark
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if used += runeWidth(r); used > n {
			break
		}
		end += size
	}
	return s[:end] + "…"
}

// Cut is the beginning of s in at most n cells, at least one character.
func Cut(s string, n int) string {
	used := 0
	for i, r := range s {
		if used += runeWidth(r); used > n && i > 0 {
			return s[:i]
		}
	}
	return s
}

// FitEnd is the end of s in at most n cells, with "…" before it where something is missing: of a path the end says more.
func FitEnd(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if Width(s) <= n {
		return s
	}
	used, begin := 1, len(s)
	for begin > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:begin])
		if used += runeWidth(r); used > n {
			break
		}
		begin -= size
	}
	return "…" + s[begin:]
}
