//go:build !linux

package journal

import (
	"errors"
	"os"
	"time"
)

// noConn stands for journald where there is none.
type noConn struct{}

func newConn(string) transport { return noConn{} }

func (noConn) send([]byte, time.Duration) error { return errors.ErrUnsupported }
func (noConn) close()                           {}

func openStream(string, string, string) (*os.File, error) { return nil, errors.ErrUnsupported }
