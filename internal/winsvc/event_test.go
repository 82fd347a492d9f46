package winsvc

import (
	"strings"
	"testing"
	"unicode/utf16"
)

// TestEvents: the numbers are what people filter by, and EventCreate.exe has messages for 1 to 1000.
func TestEvents(t *testing.T) {
	tests := []struct {
		id       EventID
		number   uint32
		severity Severity
		says     string
	}{
		{EventReady, 1, Information, "The daemon web of C:\\shop is ready."},
		{EventStopped, 2, Information, "The daemon web of C:\\shop has stopped."},
		{EventReload, 50, Warning, "reload"},
		{EventFailed, 100, Failure, "has failed."},
		{EventNotReady, 101, Failure, "could not be started."},
		{EventConfig, 102, Failure, "configuration is wrong"},
		{EventRunning, 103, Failure, "runs already"},
		{EventHost, 104, Failure, "Service Control Manager"},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		text := Event{tt.id, "web", `C:\shop`, "detail", "hint", `C:\shop\.apex\web.log`}.Text()
		if uint32(tt.id) != tt.number || tt.number < 1 || tt.number > 1000 || tt.id.Severity() != tt.severity {
			t.Errorf("event %d, severity %d, want %d, %d", tt.id, tt.id.Severity(), tt.number, tt.severity)
		}
		for _, part := range []string{"web", `C:\shop`, "\r\n\r\ndetail\r\n\r\nhint\r\n\r\nLog: C:\\shop\\.apex\\web.log", tt.says} {
			if !strings.Contains(text, part) {
				t.Errorf("event %d has no %q: %s", tt.id, part, text)
			}
		}
		if seen[tt.id.what()] {
			t.Errorf("event %d says what another says", tt.id)
		}
		seen[tt.id.what()] = true
	}
}

func TestEventText(t *testing.T) {
	tests := []struct{ name, detail, want string }{
		{"nothing to add", "", "The daemon web of p is ready."},
		{"lines", "a\nb\r\nc", "The daemon web of p is ready.\r\n\r\na\r\nb\r\nc"},
		{"an insertion", "http://h/a%20b 100% %%1 %x", "The daemon web of p is ready.\r\n\r\nhttp://h/a% 20b 100% % % 1 %x"},
		{"a NUL", "a\x00b", "The daemon web of p is ready.\r\n\r\na\uFFFDb"},
		{"the end", "5%", "The daemon web of p is ready.\r\n\r\n5%"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (Event{ID: EventReady, Daemon: "web", Project: "p", Detail: tt.detail}).Text(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	for _, long := range []string{"x", "%1", "\U0001F600", "\n", "\xff"} {
		text := Event{ID: EventFailed, Detail: strings.Repeat(long, 40_000)}.Text()
		if n := len(utf16.Encode([]rune(text))); n > 31_839 || n < 20_000 {
			t.Errorf("%q, 40000 times: %d characters", long, n)
		}
	}
}
