package service

import (
	"strings"
	"testing"
)

func TestRegistrationName(t *testing.T) {
	tests := []struct{ project, name, want string }{
		{"/src/shop", DefaultName, "apex-shop-3cb8c763"},
		{"/src/shop", "web", "apex-shop-3cb8c763-web"},
		{"/src/My Shop!", DefaultName, "apex-my-shop-"},
		{"/src/{{.Path}} %n", DefaultName, "apex-path-n-"},
		{"/src/-x-", DefaultName, "apex-x-"},
		{"/src/日本", DefaultName, "apex-"},
		{"/", DefaultName, "apex-"},
		{`C:\src\shop`, DefaultName, "apex-shop-"},
		{`C:\`, DefaultName, "apex-"},
		{"/src/" + strings.Repeat("long", 60), DefaultName, "apex-" + strings.Repeat("long", 8) + "-"},
	}
	seen := map[string]string{}
	for _, tt := range tests {
		got := RegistrationName(tt.project, tt.name)
		if !strings.HasPrefix(got, tt.want) || len(got) != len(tt.want) && len(got) != len(tt.want)+8 {
			t.Errorf("%q %s: %q, want %q and eight digits", tt.project, tt.name, got, tt.want)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q are both %q", tt.project, other, got)
		}
		seen[got] = tt.project
	}
	if RegistrationName("/a/shop", DefaultName) == RegistrationName("/b/shop", DefaultName) {
		t.Error("two projects share a name")
	}
}
