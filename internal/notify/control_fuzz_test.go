//go:build unix

package notify

import (
	"encoding/binary"
	"syscall"
	"testing"
)

// FuzzParseControl: ancillary data is the kernel's, but its length and what is in it is the sender's doing. The descriptors of this process are not closed by it.
func FuzzParseControl(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, syscall.SizeofCmsghdr))
	head := make([]byte, 24)
	binary.NativeEndian.PutUint64(head, 24)
	binary.NativeEndian.PutUint32(head[8:], syscall.SOL_SOCKET)
	binary.NativeEndian.PutUint32(head[12:], syscall.SCM_RIGHTS)
	f.Add(head)
	f.Add(append(head, head...))
	f.Fuzz(func(t *testing.T, b []byte) {
		from, fds := parseControl(b)
		if len(fds)*4 > len(b) {
			t.Errorf("%d descriptors in %d bytes", len(fds), len(b))
		}
		if from.uid < -1 {
			t.Errorf("%+v", from)
		}
	})
}
