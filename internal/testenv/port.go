package testenv

import (
	"net"
	"time"
)

// Port is a loopback port on which nobody listens, and which the system gives to nobody else: a connection has it.
type Port struct {
	Address  string // 127.0.0.1:PORT
	from, to net.Conn
}

// NewPort takes a port until Close or Listen.
func NewPort() (*Port, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	// The local address has the port bound, and so one given that nothing else has, not even a connection that has ended a minute ago.
	from, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}).Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	to, err := l.Accept()
	if err != nil {
		from.Close()
		return nil, err
	}
	return &Port{from.LocalAddr().String(), from, to}, nil
}

// Listen listens there from now on.
func (p *Port) Listen() (net.Listener, error) {
	p.Close()
	for end := time.Now().Add(10 * time.Second); ; {
		l, err := net.Listen("tcp", p.Address)
		if err == nil || time.Now().After(end) {
			return l, err
		}
		<-time.After(time.Millisecond) // polling: a process that is forked and has not executed its program has the connection, too, and tells nobody when it has
	}
}

// Close gives the port back. A second call does nothing.
func (p *Port) Close() {
	_ = p.from.(*net.TCPConn).SetLinger(0) // else it would stay for a minute, in TIME_WAIT
	p.from.Close()
	p.to.Close()
}
