package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/logfile"
)

const toolVariable = "APEXD_TEST_JOURNALCTL"

// late is an entry that comes after a journalctl that counts has ended.
const late = "late"

// TestMain lets the test binary be journalctl: it has the lines of the variable, one entry each, whose cursor and time in seconds is its number. "!text" is said
// on standard error, "~" is status 1.
func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(toolVariable); ok {
		os.Exit(journalctl(text, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func journalctl(text string, args []string) int {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if said, ok := strings.CutPrefix(text, "!"); ok {
		fmt.Fprintln(os.Stderr, strings.TrimPrefix(said, "~"))
		return strings.Count(said, "~")
	}
	from := 0
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		n, _ := strconv.ParseFloat(strings.TrimPrefix(value, "@"), 64)
		switch name {
		case "--lines":
			lines = slices.DeleteFunc(lines, func(l string) bool { return l == late }) // it has not come yet
			from = max(len(lines)-int(n), 0)
		case "--cursor", "--since":
			from = int(n)
		case "--":
			for i, l := range lines[from:] {
				fmt.Printf("__CURSOR=%d\nMESSAGE=%s\n\n", from+i, l)
			}
			return 0
		}
	}
	return 2
}

func source(t *testing.T, text string) Source {
	t.Helper()
	t.Setenv(toolVariable, text)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the detector would have every process wait for a second
	return Source{Project: "/p", Name: "daemon", Path: "u.service", UID: -1, Tool: os.Args[0]}
}

func TestShow(t *testing.T) {
	many := ""
	for i := range 3000 {
		many += map[bool]string{true: "ERROR ", false: "INFO "}[i%100 == 0] + strconv.Itoa(i) + "\n"
	}
	lines := func(from, to, step int) string {
		s := ""
		for i, l := range strings.Split(many, "\n") {
			if i >= from && i < to && i%step == 0 {
				s += l + "\n"
			}
		}
		return s
	}
	for _, row := range []struct {
		name, text string
		view       logfile.View
		want       string
	}{
		{"all", many, logfile.View{Lines: -1}, many},
		{"the last ones", many, logfile.View{Lines: 20}, lines(2980, 3000, 1)},
		{"the last ones, while others come", many + late + "\n", logfile.View{Lines: 20}, lines(2980, 3000, 1)},
		{"none", many, logfile.View{Lines: 0}, ""},
		{"more than there are", "a\nb\n", logfile.View{Lines: 9}, "a\nb\n"},
		{"since", many, logfile.View{Lines: -1, Since: time.Unix(2990, 0)}, lines(2990, 3000, 1)},
		{"the last since", many, logfile.View{Lines: 3, Since: time.Unix(2990, 0)}, lines(2997, 3000, 1)},
		{"a level", many, logfile.View{Lines: -1, Level: "warn"}, lines(0, 3000, 100)},
		{"the last of a level", many, logfile.View{Lines: 5, Level: "warn"}, lines(2500, 3000, 100)},
		{"the last of a level, further back than one window", many, logfile.View{Lines: 25, Level: "warn"}, lines(500, 3000, 100)},
		{"stack traces", "INFO a\n b\nERROR c\n d\n e\nINFO f\n", logfile.View{Lines: 2, Level: "error"}, " d\n e\n"},
		{"escaped", "a\x1b[2J\n", logfile.View{Lines: -1, Escape: true}, "a^[[2J\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Show(t.Context(), &out, source(t, row.text), row.view); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != row.want {
				t.Errorf("%.300q\nwant %.300q", got, row.want)
			}
		})
	}
}

func TestShowErrors(t *testing.T) {
	var refused *RefusedError
	all := logfile.View{Lines: -1}
	show := func(text string, v logfile.View) error {
		return Show(t.Context(), &bytes.Buffer{}, source(t, text), v)
	}
	for _, text := range []string{"!Hint: you are not in\n a group", "!~No journal files were opened"} {
		for _, v := range []logfile.View{all, {Lines: 10}, {Lines: 10, Follow: true}} {
			if err := show(text, v); !errors.As(err, &refused) || strings.ContainsAny(refused.Said, "~\n") {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
	if err := show("!", all); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no entries: %v", err)
	}
	if err := show("x", logfile.View{Level: "loud"}); err == nil || !strings.Contains(err.Error(), "no level") {
		t.Errorf("level: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Show(ctx, &bytes.Buffer{}, source(t, "x"), all); err != nil {
		t.Errorf("cancelled: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := Show(t.Context(), &bytes.Buffer{}, Source{}, all); !errors.Is(err, ErrNoTool) {
		t.Errorf("no journalctl: %v", err)
	}
}

// broken is a reader of ours that has gone.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestShowEndsWithItsReader(t *testing.T) {
	gone := errors.New("gone")
	if err := Show(t.Context(), broken{gone}, source(t, strings.Repeat("line\n", 20_000)), logfile.View{Lines: -1}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestMatch(t *testing.T) {
	unit := Source{Project: "/src/a b", Name: "web", Path: "apex-x.service", UID: 1000}
	id := "apex-a-b-6a3a2ab7-web"
	if got := unit.match(); !strings.HasPrefix(got[1], "SYSLOG_IDENTIFIER=apex-a-b-") {
		t.Fatalf("%q", got)
	} else {
		id = strings.TrimPrefix(got[1], "SYSLOG_IDENTIFIER=")
	}
	ours := "APEX_PROJECT=/src/a b APEX_DAEMON=web"
	for _, row := range []struct {
		name string
		s    Source
		want string
	}{
		{"a unit", unit, "_SYSTEMD_UNIT=apex-x.service SYSLOG_IDENTIFIER=ID " + ours + " + _SYSTEMD_UNIT=apex-x.service SYSLOG_IDENTIFIER=ID _TRANSPORT=stdout + " +
			"_SYSTEMD_USER_UNIT=apex-x.service _UID=1000 SYSLOG_IDENTIFIER=ID " + ours + " + _SYSTEMD_USER_UNIT=apex-x.service _UID=1000 SYSLOG_IDENTIFIER=ID _TRANSPORT=stdout" +
			" + _TRANSPORT=driver " + droppedID + " OBJECT_SYSTEMD_UNIT=apex-x.service + _TRANSPORT=driver " + droppedID + " OBJECT_SYSTEMD_USER_UNIT=apex-x.service"},
		{"no unit", Source{"/src/a b", "web", id, 7, ""}, "_UID=7 SYSLOG_IDENTIFIER=ID " + ours + " + _UID=7 SYSLOG_IDENTIFIER=ID _TRANSPORT=stdout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := strings.ReplaceAll(strings.Join(row.s.match(), " "), id, "ID"); got != row.want {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	for _, row := range []struct {
		name string
		r    span
		want []string
	}{
		{"all", span{last: -1}, nil},
		{"the last", span{last: 7}, []string{"--lines=7"}},
		{"since", span{last: -1, since: time.Unix(5, 250_000_000)}, []string{"--since=@5.250000"}},
		{"from a cursor, and on", span{last: -1, cursor: "s=1", follow: true}, []string{"--cursor=s=1", "--no-tail", "--follow"}},
		{"only what comes", span{follow: true}, []string{"--lines=0", "--follow"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := Source{Path: "-x"}.args(row.r)
			if end := slices.Index(got, "--"); end < 3 || !slices.Equal(got[3:end], row.want) {
				t.Errorf("%q", got)
			}
		})
	}
}
