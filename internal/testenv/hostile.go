package testenv

// Hostile are values that shell text without quotes, or with the wrong ones, would change or execute.
func Hostile() []string {
	return []string{
		"", " ", "a b", "two  spaces", "it's", `''`, `"`, "`id`", "$(id)", "$HOME", "${IFS}", `\`, `\\'`, "%s", "*", "[a-z]*", "~", "~root", "a=b", "#", "-n", "--", "!", "{a,b}",
		"line\nline", "\n", "tab\tcr\r", "ü→", "\xff\xfe", "\x01\x7f", "; id", "& |", "<in >out", "{{.Name}}", "'\\''", "a'b'c\"d",
	}
}
