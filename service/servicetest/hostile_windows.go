package servicetest

// hostileName is a directory name with everything that a file system allows.
const hostileName = "a b'c%e%n$f`h{{.i}}-\u00fc\u65e5#;&~!^"

// invalidText is empty: a Windows command line is UTF-16.
var invalidText []string
