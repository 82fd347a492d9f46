package testenv

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// TestPort: nobody listens on a port before its owner does, who can, whatever connections and processes others begin and end.
func TestPort(t *testing.T) {
	if os.Getenv("PORT_TEST_CHILD") != "" {
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	stop := make(chan struct{})
	churn := func(f func() error) {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	churn(func() error {
		from, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		to, err := l.Accept()
		if err != nil {
			return err
		}
		return errors.Join(from.Close(), to.Close())
	})
	churn(func() error {
		cmd := exec.Command(exe, "-test.run", "^TestPort$")
		cmd.Env = append(os.Environ(), "PORT_TEST_CHILD=1")
		return cmd.Run()
	})
	for range 200 {
		p, err := NewPort()
		if err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("tcp", p.Address); err == nil {
			c.Close()
			t.Error("somebody listens")
		}
		mine, err := p.Listen()
		if err != nil {
			t.Error(err)
			continue
		}
		mine.Close()
	}
	close(stop)
	others.Wait()
	l.Close()
}
