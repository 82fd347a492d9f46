package sysv

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLinks(t *testing.T) {
	l := Layout{filepath.ToSlash(t.TempDir())}
	for _, dir := range []string{"init.d", "rc2.d", "rc.d/rc3.d", "init.d/rc5.d", "rc0.d"} {
		if err := os.MkdirAll(filepath.Join(l.Root, "etc", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"rc2.d/S01apex-x", "rc2.d/S01apex-x-web", "rc2.d/Sxxapex-x", "rc2.d/S1apex-x", "rc2.d/apex-x", "rc.d/rc3.d/S50apex-x", "init.d/rc5.d/K02apex-x", "rc0.d/K02apex-x"} {
		if err := os.WriteFile(filepath.Join(l.Root, "etc", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	links := l.Links("apex-x")
	for _, link := range links {
		got = append(got, string(link.Level)+filepath.Base(link.Path))
	}
	if want := []string{"0K02apex-x", "2S01apex-x", "3S50apex-x", "5K02apex-x"}; !slices.Equal(got, want) {
		t.Errorf("links %q, want %q", got, want)
	}
	if !Enabled(links) {
		t.Error("not enabled, with S01 in runlevel 2")
	}
	if links := l.Links("nobody"); len(links) > 0 || Enabled(links) {
		t.Errorf("a script without links has %v", links)
	}
}

func TestEnabled(t *testing.T) {
	for _, tt := range []struct {
		name string
		link Link
		want bool
	}{
		{"started in 2", Link{Level: '2', Start: true}, true},
		{"started in 5", Link{Level: '5', Start: true}, true},
		{"stopped in 2", Link{Level: '2'}, false},
		{"started when the machine is halted", Link{Level: '0', Start: true}, false},
		{"started in single-user mode", Link{Level: '1', Start: true}, false},
		{"started before the runlevel", Link{Level: 'S', Start: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Enabled([]Link{tt.link}); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMark(t *testing.T) {
	for _, tt := range []struct {
		name string
		mark Mark
	}{
		{"plain", Mark{Kind: "sysv", Project: "/src/shop", Name: "daemon"}},
		{"hostile", Mark{"sysv", "/src/a 'b\" \\ $(x) `y` {{z}}\n# X-Apexd-Name: evil\n\xff\u2028é", "web", "/run/a b\n.pid", "a \"b\"\n", "/opt/x \n# X-Apexd-User: \"root\""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := "#!/bin/sh\n" + tt.mark.String() + "echo\n"
			got, ok := ParseMark(text)
			if !ok || got != tt.mark {
				t.Errorf("%+v, %v of\n%s", got, ok, text)
			}
		})
	}
	for _, tt := range []struct{ name, text string }{
		{"empty", ""},
		{"another's", "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: x\n### END INIT INFO\n"},
		{"the kind is missing", "# X-Apexd-Schema: 1\n# X-Apexd-Project: \"/x\"\n# X-Apexd-Name: daemon\n"},
		{"not quoted", "# X-Apexd-Schema: 1\n# X-Apexd-Kind: sysv\n# X-Apexd-Project: /x\n# X-Apexd-Name: daemon\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if m, ok := ParseMark(tt.text); ok {
				t.Errorf("taken for ours: %+v", m)
			}
		})
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add(Mark{"sysv", "/src/shop", "daemon", "/run/x.pid", "www", "/usr/local/bin/apexd"}.String())
	f.Add("# X-Apexd-Project: \"\\x\"")
	f.Fuzz(func(t *testing.T, text string) {
		if m, ok := ParseMark(text); ok {
			if again, ok := ParseMark(m.String()); ok && again != m {
				t.Errorf("%+v becomes %+v", m, again)
			}
		}
	})
}

// FuzzLinkOf: a link is one of ours by its whole name.
func FuzzLinkOf(f *testing.F) {
	f.Add("S20x", "x")
	f.Add("K-1x", "x")
	f.Add("S99", "")
	f.Fuzz(func(t *testing.T, file, name string) {
		if start, ok := linkOf(file, name); ok && (len(file) != 3+len(name) || start != (file[0] == 'S')) {
			t.Errorf("%q is a link of %q", file, name)
		}
	})
}
