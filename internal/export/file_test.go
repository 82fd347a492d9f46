package export

import (
	"strings"
	"testing"
)

// TestSameDaemon: a document is known again after any change of it, and no other is taken for it.
func TestSameDaemon(t *testing.T) {
	render := func(e Engine, change func(*Daemon, *Options)) string {
		t.Helper()
		d, o := plainDaemon(), Options{}
		change(&d, &o)
		doc, err := Render(e, d, o)
		if err != nil {
			t.Fatal(err)
		}
		return doc.Text
	}
	names := map[string]bool{}
	for _, e := range Engines() {
		made := render(e, func(*Daemon, *Options) {})
		for name, row := range map[string]struct {
			old  string
			want bool
		}{
			"the same":                {made, true},
			"on Windows":              {strings.ReplaceAll(made, "\n", "\r\n"), true},
			"another port":            {render(e, func(_ *Daemon, o *Options) { o.Ports = []int{8080} }), true},
			"another command":         {render(e, func(d *Daemon, _ *Options) { d.Spec.Command = []string{"x"} }), true},
			"changed by hand":         {made + "# mine\n", true},
			"another daemon":          {render(e, func(d *Daemon, _ *Options) { d.Spec.Name = "web" }), false},
			"another project":         {render(e, func(d *Daemon, _ *Options) { d.Key = "shop-ba9876543210" }), false},
			"written by hand":         {strings.Join(strings.Split(made, "\n")[1:], "\n"), false},
			"nothing":                 {"", false},
			"the beginning of a line": {made[:20], false},
		} {
			if got := SameDaemon(row.old, made); got != row.want {
				t.Errorf("%s, %s: %v", e, name, got)
			}
		}
		for _, other := range Engines() {
			if e != other && SameDaemon(render(other, func(*Daemon, *Options) {}), made) {
				t.Errorf("%s is taken for %s", other, e)
			}
		}
		names[FileName(e, "shop")] = true
	}
	for _, want := range []string{"shop.yaml", "compose.yaml", "shop.nomad.hcl", "shop.container"} {
		if !names[want] {
			t.Errorf("no %s in %v", want, names)
		}
	}
}
