package winproc

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// maxBatchLine is how long a line of cmd.exe may be (Microsoft, "Command prompt line string limitation").
const maxBatchLine = 8191

// IsBatch reports whether CreateProcess would hand path to cmd.exe. Trailing dots and spaces are not part of a file's name there.
func IsBatch(path string) bool {
	ext := filepath.Ext(strings.TrimRight(path, ". "))
	return strings.EqualFold(ext, ".bat") || strings.EqualFold(ext, ".cmd")
}

// BatchLine is the command line by which cmd.exe runs the batch file script with args, each of which arrives as one argument, in the script and in the programs
// to which it hands them on with %*. cmd.exe reads its line by rules of its own, by which an argument could become a command (CVE-2024-24576): what
// cannot be said safely is an error. /d leaves AutoRun out, /v:off keeps "!" as it is, /s takes off the outer quotes and no others.
func BatchLine(script string, args []string) (string, error) {
	if err := batchSafe(script); err != nil {
		return "", fmt.Errorf("the batch file's path %q has %w", script, err)
	}
	var b strings.Builder
	b.WriteString(`cmd.exe /e:on /v:off /d /s /c ""`)
	b.WriteString(script)
	b.WriteByte('"')
	for i, a := range args {
		if err := batchSafe(a); err != nil {
			return "", fmt.Errorf("argument %d of a batch file, %q, has %w; name the program that the batch file starts", i+1, a, err)
		}
		b.WriteByte(' ')
		b.WriteString(batchQuote(a))
	}
	b.WriteByte('"')
	if b.Len() > maxBatchLine {
		return "", fmt.Errorf("the command line of the batch file has %d characters, and cmd.exe takes %d", b.Len(), maxBatchLine)
	}
	return b.String(), nil
}

// batchSafe: a quote ends the quoting, % is expanded within quotes too, and a line ends at CR, LF and NUL. The error is what s has.
func batchSafe(s string) error {
	for _, c := range s {
		switch {
		case c == '"' || c == '%':
			return fmt.Errorf("a %q, which cmd.exe takes for itself", c)
		case c < ' ' && c != '\t':
			return errors.New("a control character, which cmd.exe takes for itself")
		}
	}
	return nil
}

// batchQuote quotes a unless it is plain. Backslashes before the closing quote are doubled for the programs behind %*.
func batchQuote(a string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(`#$*+-./:?@\_`, c)
	}
	if a != "" && strings.TrimLeftFunc(a, plain) == "" {
		return a
	}
	tail := len(a) - len(strings.TrimRight(a, `\`))
	return `"` + a + strings.Repeat(`\`, tail) + `"`
}
