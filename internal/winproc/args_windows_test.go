package winproc

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// hostile are arguments by which quoting has gone wrong somewhere.
var hostile = []string{
	"", " ", "\t", "a b", `"`, `""`, `a"b`, `\`, `\\`, `a\`, `a b\`, `a b\\`, `\"`, `\\"`, `a\"b c`, "'", "a'b", "%PATH%", "%", "^", "&calc", "|", "<>", "(a)", "!x!",
	"$HOME", "`x`", "{{.}}", "a\nb", "a\r\nb", "größe", "日本", "😀", "--x=y z", "/c", "-", "*", "*.go", "~", "@file", ";", ",", "=", strings.Repeat(`\`, 65), strings.Repeat("x", 4000),
}

// random is an argument made of the characters that quoting is about.
func random(r *rand.Rand) string {
	letters := []rune("ab \t\"\\\\\\'^&%!|<>(){}\nä😀")
	s := make([]rune, r.IntN(12))
	for i := range s {
		s[i] = letters[r.IntN(len(letters))]
	}
	return string(s)
}

// TestCommandLineRoundTrip: CommandLineToArgvW reads what commandLine writes.
func TestCommandLineRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		args := []string{`C:\my programs\x.exe`}
		for range r.IntN(5) {
			args = append(args, random(r))
		}
		check(t, args)
	}
	check(t, append([]string{`x`}, hostile...))
}

func check(t *testing.T, args []string) {
	t.Helper()
	_, line, err := Command{Path: `C:\x.exe`, Args: args}.commandLine()
	if err != nil {
		t.Fatal(err)
	}
	got, err := windows.DecomposeCommandLine(line)
	if err != nil || !slices.Equal(got, args) {
		t.Fatalf("%q became\n%q in %s, %v", args, got, line, err)
	}
}

// TestArgumentsArrive: what a Go program sees in os.Args.
func TestArgumentsArrive(t *testing.T) {
	want := append([]string{"name of the program"}, hostile...)
	var got []string
	if err := json.Unmarshal([]byte(start(t, Command{Args: want}, "args").line()), &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\narrived as %q", want, got)
	}
}

// TestBatchArgumentsArrive: through a batch file that hands them on with %*, as those of npm do. Each is tried alone, so that one that gets out of its
// quotes is seen.
func TestBatchArgumentsArrive(t *testing.T) {
	script := filepath.Join(os.TempDir(), fmt.Sprintf("apexd test & (%x).cmd", rand.Uint64()))
	if err := os.WriteFile(script, []byte("@echo off\r\n\""+os.Args[0]+"\" %*\r\nexit /b %ERRORLEVEL%\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(script) })
	tried := 0
	for _, arg := range hostile {
		if batchSafe(arg) != nil {
			continue
		}
		tried++
		x := start(t, Command{Path: script, Args: []string{script, "first", arg, "last"}}, "args")
		line := x.line()
		var got []string
		if err := json.Unmarshal([]byte(line), &got); err != nil || len(got) == 0 || !slices.Equal(got[1:], []string{"first", arg, "last"}) {
			t.Errorf("%q arrived as %s", arg, line)
		}
	}
	if tried < 10 {
		t.Errorf("only %d arguments tried", tried)
	}
}
