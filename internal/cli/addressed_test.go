package cli

import "testing"

func TestAddressed(t *testing.T) {
	for _, row := range []struct {
		a          app
		text, want string
	}{
		{app{}, `see "apexd logs"`, `see "apexd logs"`},
		{app{name: "daemon"}, `see "apexd logs"`, `see "apexd logs"`},
		{app{name: "web"}, `see "apexd logs"`, `see "apexd logs --name web"`},
		{app{name: "web"}, "apexd logs -n 20   then   apexd start", "apexd logs --name web -n 20   then   apexd start --name web"},
		{app{name: "web"}, "give it again: apexd restart -- COMMAND", "give it again: apexd restart --name web -- COMMAND"},
		{app{name: "web"}, "under another name: apexd start --name NAME -- x", "under another name: apexd start --name NAME -- x"},
		{app{name: "web"}, "apexd list, apexd starts, apexd, apexd ", "apexd list, apexd starts, apexd, apexd "},
		{app{name: "web", project: "/a b"}, "`apexd config` shows it", "`apexd config --project '/a b' --name web` shows it"},
		{app{project: "x"}, "start it at boot: @reboot apexd start --project …", "start it at boot: @reboot apexd start --project …"},
		{app{pidFile: "x"}, "apexd start --pid-file FILE --log-file FILE", "apexd start --pid-file FILE --log-file FILE"},
		{app{project: "x", pidFile: "y"}, "apexd stop", "apexd stop --project x --pid-file y"},
	} {
		if got := row.a.addressed(row.text); got != row.want {
			t.Errorf("%q: %q, want %q", row.text, got, row.want)
		}
	}
}
