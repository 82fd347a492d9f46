package openrc

import "testing"

// FuzzLook: the numbers in OpenRC's files are PIDs and counts, or nothing.
func FuzzLook(f *testing.F) {
	f.Add("7\n", "3", "1")
	f.Add("-1", "99999999999999999999", "\x00")
	f.Add("0x10", " 7 ", "1e3")
	f.Fuzz(func(t *testing.T, child, count, supervisor string) {
		s := fake(t, map[string]string{
			"state/started/x": "", "state/options/x/child_pid": child, "state/options/x/start_count": count, "run/supervise-x.pid": supervisor,
		}).Look("x")
		if s.Child < 0 || s.Respawns < 0 || s.Supervisor < 0 || s.ChildAlive && s.Child == 0 || s.Word != Crashed && s.Word != Unsupervised && s.Word != Started {
			t.Errorf("%q, %q, %q: %+v", child, count, supervisor, s)
		}
	})
}
