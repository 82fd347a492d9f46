package pidfile

import "unicode/utf8"

// A path is any bytes, and JSON has text only: of what is not UTF-8 encoding/json writes U+FFFD. So beside the text of such a path stand its bytes, in base64.

// unsaid is path where JSON cannot say it, else nil.
func unsaid(path string) []byte {
	if utf8.ValidString(path) {
		return nil
	}
	return []byte(path)
}

// said is the path that was written as text and, unless that says it, as b.
func said(text string, b []byte) string {
	if len(b) > 0 && text == asText(string(b)) {
		return string(b)
	}
	return text
}

// isPath reports whether recorded is path, or all that a program which writes no bytes beside the text can say of it.
func isPath(recorded, path string) bool { return recorded == path || recorded == asText(path) }

// asText is path as JSON has it.
func asText(path string) string { return string([]rune(path)) }
