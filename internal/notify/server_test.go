package notify

import "testing"

func TestAdmit(t *testing.T) {
	yes, no := func(int, int) bool { return true }, func(int, int) bool { return false }
	tests := []struct {
		name      string
		from      sender
		uid, euid int
		accept    func(int, int) bool
		want      bool
	}{
		{"not named by the OS", sender{0, -1}, 1000, 1000, no, true},
		{"same user", sender{5, 1000}, 1000, 1000, nil, true},
		{"effective user", sender{5, 1001}, 1000, 1001, nil, true},
		{"root", sender{5, 0}, 1000, 1000, nil, true},
		{"another user", sender{5, 1001}, 1000, 1000, nil, false},
		{"another user cannot be let in", sender{5, 1001}, 1000, 1000, yes, false},
		{"same user, not of the tree", sender{5, 1000}, 1000, 1000, no, false},
		{"root, not of the tree", sender{5, 0}, 1000, 1000, no, false},
		{"user that a workload of root became", sender{5, 1001}, 0, 0, yes, true},
		{"stranger to root", sender{5, 1001}, 0, 0, no, false},
		{"user to root without a hook", sender{5, 1001}, 0, 0, nil, false},
		{"unmapped user", sender{5, 65534}, 1000, 1000, yes, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := admit(tt.from, tt.uid, tt.euid, tt.accept); got != tt.want {
				t.Errorf("admit(%+v) = %t, want %t", tt.from, got, tt.want)
			}
		})
	}
}

func TestAdmitPassesPID(t *testing.T) {
	var got int
	admit(sender{pid: 77, uid: 5}, 5, 5, func(pid, _ int) bool { got = pid; return true })
	if got != 77 {
		t.Errorf("the hook got PID %d, want 77", got)
	}
}
