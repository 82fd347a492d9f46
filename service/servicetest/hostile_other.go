//go:build !windows

package servicetest

// hostileName is a directory name with everything that a file system allows.
const hostileName = "a b'c\"d%e%n$f`g\\h{{.i}}\n-\u00fc\u65e5#;&|*?~"

// invalidText is not UTF-8, which no system call minds.
var invalidText = []string{"\xff\xfe", "a\x80b"}
