package logfile

import (
	"strings"
	"testing"
	"time"
)

func TestLevelOf(t *testing.T) {
	for name, tc := range map[string]struct {
		line string
		want level
	}{
		"logrus text":            {`time="2026-01-15T10:30:00Z" level=warning msg="x"`, levelWarn},
		"logrus text, word last": {`time="2026-01-15T10:30:00Z" level=info msg="ERROR seen"`, levelInfo},
		"logrus JSON":            {`{"level":"warning","msg":"ERROR","time":"2026-01-15T10:30:00Z"}`, levelWarn},
		"JSON, level late":       {`{"msg":"` + strings.Repeat("m", 500) + `","level":"error"}`, levelError},
		"JSON with spaces":       {`  {"time": 1, "level" : "WARN"}`, levelWarn},
		"JSON, severity":         {`{"severity":"CRITICAL"}`, levelFatal},
		"pino":                   {`{"level":50,"time":1}`, levelError},
		"pino, own level":        {`{"level":35,"time":1}`, 0},
		"JSON, level as message": {`{"msg":"level"}`, 0},
		"zap":                    {`{"level":"dpanic"}`, 0},
		"slog text":              {`time=2026-01-15T10:30:00Z level=ERROR msg=x`, levelError},
		"quoted value":           {`level="debug" x`, levelDebug},
		"sd-daemon":              {"<3>disk failed", levelError},
		"syslog":                 {"<34>Oct 11 su: failed", levelFatal},
		"sd-daemon debug":        {"<7>x", levelDebug},
		"HTML is no syslog":      {"<b>bold", 0},
		"klog":                   {"W0102 15:04:05.000000   1 f.go:1] x", levelWarn},
		"bare":                   {"ERROR something", levelError},
		"after a time":           {"2026-01-15 10:30:00,123 WARNING root: x", levelWarn},
		"python":                 {"CRITICAL:root:x", levelFatal},
		"in brackets":            {"[2026-01-15 10:30:00] [warn] x", levelWarn},
		"in parentheses":         {"app (Info) x", levelInfo},
		"lower case word":        {"there was an error here", 0},
		"lower case with colon":  {"error: cannot open", levelError},
		"Go panic":               {"panic: runtime error: index out of range", levelFatal},
		"part of a word":         {"INFORMATION2 ERRORS ERROR_CODE 5ERROR", 0},
		"coloured":               {"\x1b[31mERROR\x1b[0m x", levelError},
		"coloured, bright":       {"\x1b[1;33m[warn]\x1b[0m x", levelWarn},
		"the first counts":       {"INFO retry after ERROR", levelInfo},
		"too late in the line":   {strings.Repeat("x", 100) + " ERROR", 0},
		"stack trace":            {"\tat main.go:12", 0},
		"empty":                  {"", 0},
		"only spaces":            {"   ", 0},
		"cut escape":             {"\x1b[3", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := levelOf([]byte(tc.line)); got != tc.want {
				t.Errorf("%q: got %d, want %d", tc.line, got, tc.want)
			}
		})
	}
}

func TestParseLevel(t *testing.T) {
	for _, name := range []string{"", "debug", "info", "warn", "warning", "error", "ERROR", "fatal"} {
		if _, err := parseLevel(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := parseLevel("loud"); err == nil {
		t.Error("loud was taken for a level")
	}
}

func FuzzLevel(f *testing.F) {
	for _, s := range []string{`level=warning`, `{"level":"warn"}`, "<4>x", "E0102 x", "[error]", "\x1b[1mINFO", "\x1b[", "<", "lvl="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := levelOf([]byte(line))
		if got < 0 || got > levelFatal {
			t.Errorf("%q: %d", line, got)
		}
		if levelOf([]byte("  "+line)) != got {
			t.Errorf("%q: indentation changes the level", line)
		}
		stampOf([]byte(line))
	})
}

func TestStampOf(t *testing.T) {
	utc := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		line string
		want time.Time
	}{
		"logrus":          {`time="2026-01-15T10:30:00.250Z" level=info`, utc.Add(250 * time.Millisecond)},
		"slog":            {`time=2026-01-15T12:30:00.000+02:00 level=INFO`, utc},
		"zone without :":  {`2026-01-15T05:00:00-0530 x`, utc},
		"log package":     {`2026/01/15 10:30:00 x`, time.Date(2026, 1, 15, 10, 30, 0, 0, time.Local)},
		"python":          {`2026-01-15 10:30:00,5 INFO`, time.Date(2026, 1, 15, 10, 30, 0, 5e8, time.Local)},
		"JSON, time last": {`{"msg":"` + strings.Repeat("m", 200) + `","time":"2026-01-15T10:30:00Z"}`, utc},
		"in brackets":     {`[2026-01-15T10:30:00Z] x`, utc},
		"no date":         {`10:30:00 x`, time.Time{}},
		"bad month":       {`2026-13-15T10:30:00Z`, time.Time{}},
		"longer number":   {`12026-01-15T10:30:00Z`, time.Time{}},
		"too late":        {strings.Repeat(" ", 70) + `2026-01-15T10:30:00Z`, time.Time{}},
		"cut":             {`2026-01-15T10:30`, time.Time{}},
		"empty":           {``, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := stampOf([]byte(tc.line))
			if !got.Equal(tc.want) || ok != !tc.want.IsZero() {
				t.Errorf("%q: got %v, %t, want %v", tc.line, got, ok, tc.want)
			}
		})
	}
}
