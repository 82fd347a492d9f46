package logfile

import (
	"bytes"
	"fmt"
)

// level is how bad a line is; 0 is not known.
type level int8

const (
	levelTrace level = iota + 1
	levelDebug
	levelInfo
	levelWarn
	levelError
	levelFatal
)

// HasLevel reports whether name is a level of a View.
func HasLevel(name string) bool {
	_, err := parseLevel(name)
	return err == nil
}

// parseLevel reads the level of a View.
func parseLevel(name string) (level, error) {
	if name == "" {
		return 0, nil
	}
	if l := levelByName([]byte(name)); l != 0 {
		return l, nil
	}
	return 0, fmt.Errorf("there is no level %q: use debug, info, warn or error", name)
}

// levelByName reads the words that loggers use, in any case.
func levelByName(word []byte) level {
	var lower [13]byte // the longest name
	if len(word) > len(lower) {
		return 0
	}
	for i, c := range word {
		lower[i] = c | 0x20
	}
	switch string(lower[:len(word)]) {
	case "trace", "trc", "verbose":
		return levelTrace
	case "debug", "dbg":
		return levelDebug
	case "info", "inf", "information", "informational", "notice":
		return levelInfo
	case "warn", "wrn", "warning":
		return levelWarn
	case "error", "err", "severe":
		return levelError
	case "fatal", "ftl", "panic", "crit", "critical", "alert", "emerg", "emergency":
		return levelFatal
	}
	return 0
}

const (
	levelJSON = 4 << 10 // how far into a JSON line its level is looked for
	levelText = 256     // and level=… into a text line
	levelBare = 80      // and a word of its own
)

// levelOf finds the level of a line, 0 when it has none. In this order:
//
//	<4>text                                      syslog and sd-daemon(3): the number modulo 8
//	{… "level":"warn" …}                         JSON: level, severity, lvl, levelname, log.level; or 10 to 60 as bunyan and pino count
//	W0102 15:04:05.000000 …                      klog
//	level=warning  lvl=warn  severity=WARNING    logfmt, logrus, slog, within 256 bytes
//	ERROR  [warn]  (Warning)  error: …           a word of its own within 80 bytes: in capitals, in brackets, or the first one of the line before a colon
//
// The first that fits counts. Colours (CSI sequences) are passed over. A line without a level, as in a stack trace, has that of the line before.
func levelOf(line []byte) level {
	line = bytes.TrimLeft(line, " \t")
	if len(line) == 0 {
		return 0
	}
	if l := syslogLevel(line); l != 0 {
		return l
	}
	if line[0] == '{' {
		return jsonLevel(line[:min(len(line), levelJSON)])
	}
	if l := klogLevel(line); l != 0 {
		return l
	}
	return textLevel(line[:min(len(line), levelText)])
}

// Severity is the level of a line as View.Level has it, as a severity of syslog (RFC 5424, 6.2.1): 2 fatal, 3 error, 4 warning, 6 info, 7 debug. ok is
// false when the line says none.
func Severity(line []byte) (n int, ok bool) {
	switch levelOf(line[:min(len(line), headMax)]) {
	case levelFatal:
		return 2, true
	case levelError:
		return 3, true
	case levelWarn:
		return 4, true
	case levelInfo:
		return 6, true
	case levelDebug, levelTrace:
		return 7, true
	}
	return 0, false
}

func syslogLevel(line []byte) level {
	end := bytes.IndexByte(line[:min(len(line), 5)], '>')
	if line[0] != '<' || end < 2 {
		return 0
	}
	n := 0
	for _, c := range line[1:end] {
		if !isDigit(c) {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return [8]level{levelFatal, levelFatal, levelFatal, levelError, levelWarn, levelInfo, levelInfo, levelDebug}[n%8]
}

func klogLevel(line []byte) level {
	if len(line) < 6 || line[5] != ' ' || !allDigits(line[1:5]) {
		return 0
	}
	switch line[0] {
	case 'I':
		return levelInfo
	case 'W':
		return levelWarn
	case 'E':
		return levelError
	case 'F':
		return levelFatal
	}
	return 0
}

func jsonLevel(line []byte) level {
	for _, key := range [...]string{`"level"`, `"severity"`, `"lvl"`, `"levelname"`, `"log.level"`} {
		i := bytes.Index(line, []byte(key))
		if i < 0 {
			continue
		}
		v := bytes.TrimLeft(line[i+len(key):], " ")
		if len(v) == 0 || v[0] != ':' {
			continue
		}
		if l := valueLevel(bytes.TrimLeft(v[1:], " ")); l != 0 {
			return l
		}
	}
	return 0
}

// valueLevel reads warn, "warn" or 40.
func valueLevel(v []byte) level {
	v = bytes.TrimPrefix(v, []byte{'"'})
	n := 0
	for n < len(v) && isLetter(v[n]) {
		n++
	}
	if n > 0 {
		return levelByName(v[:n])
	}
	if len(v) >= 2 && isDigit(v[0]) && v[1] == '0' && (len(v) == 2 || !isDigit(v[2])) && v[0] >= '1' && v[0] <= '6' {
		return level(v[0] - '0') // bunyan: trace 10, debug 20, info 30, warn 40, error 50, fatal 60
	}
	return 0
}

// textLevel looks at one word after the other.
func textLevel(line []byte) level {
	for i := 0; i < len(line); {
		switch {
		case line[i] == 0x1b:
			i += csi(line[i:])
		case !isLetter(line[i]):
			i++
		default:
			end := i
			for end < len(line) && isLetter(line[end]) {
				end++
			}
			if l := wordLevel(line, i, end); l != 0 {
				return l
			}
			i = end
		}
	}
	return 0
}

// wordLevel is the level that the word line[i:end] says, by itself or as a key.
func wordLevel(line []byte, i, end int) level {
	word := line[i:end]
	var prev, next byte
	if i > 0 {
		prev = line[i-1]
	}
	if end < len(line) {
		next = line[end]
	}
	if isDigit(prev) || prev == '_' || isDigit(next) || next == '_' {
		return 0
	}
	if next == '=' && isLevelKey(word) {
		return valueLevel(line[end+1:])
	}
	bracketed := prev == '[' && next == ']' || prev == '(' && next == ')' || prev == '<' && next == '>'
	if i < levelBare && (bracketed || i == 0 && next == ':' || allUpper(word)) {
		return levelByName(word)
	}
	return 0
}

func isLevelKey(word []byte) bool {
	return bytes.EqualFold(word, []byte("level")) || bytes.EqualFold(word, []byte("lvl")) || bytes.EqualFold(word, []byte("severity"))
}

// csi is the length of the control sequence that b begins with (ECMA-48, 5.4), or 1.
func csi(b []byte) int {
	if len(b) < 2 || b[1] != '[' {
		return 1
	}
	for i, c := range b[2:] {
		if c >= 0x40 && c <= 0x7e {
			return i + 3
		}
	}
	return len(b)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func allUpper(word []byte) bool {
	for _, c := range word {
		if c >= 'a' {
			return false
		}
	}
	return true
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
