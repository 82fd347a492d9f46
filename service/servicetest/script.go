package servicetest

import (
	"bufio"
	"encoding/json"
	"net"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Script is what the test program does. It travels as JSON in its first argument.
type Script struct {
	Report  string        // host:port of the case
	Role    string        // by which the case knows the process
	Output  []string      // lines it prints first
	Exit    *int          // it ends with this status right after that
	Spawn   []Script      // the processes it starts
	Session bool          // of a spawned process: it leaves the process group (setsid(2))
	Hold    bool          // it becomes ready when it is told to, not by itself
	Deaf    bool          // it reports signals and does not end
	Ping    time.Duration // it pings its watchdog this often; 0 is never
}

// Hello is the first thing that the program tells of itself. Arguments and variables are bytes: they need not be UTF-8.
type Hello struct {
	Role string
	PID  int
	PPID int
	Args [][]byte // after the script
	Env  [][]byte
	Dir  string
}

// Report is what the program tells the case.
type Report struct {
	Hello  *Hello `json:",omitempty"`
	Signal string `json:",omitempty"` // it was sent this
	Done   string `json:",omitempty"` // it has done the Order of this name, or pinged ("ping")
	Error  string `json:",omitempty"` // an Order failed
}

// Order is what the case tells the program.
type Order struct {
	Do   string // "exit", "die", "ready", "notify", "print"
	Code int    // of exit
	Text string // of notify and print
}

// heard is the Order that answers a Hello.
const heard = "heard"

// Actor is the process that plays a Script.
type Actor interface {
	// Hello tells everything but the role.
	Hello() Hello
	// Print writes a line to standard output.
	Print(line string)
	// Notify is sd_notify(3). Without a socket it does nothing.
	Notify(state string) error
	// Spawn starts another process that plays s.
	Spawn(s Script) error
	// Signals delivers the names of signals that can be caught.
	Signals() <-chan string
	// Killed is closed when the actor must end at once. A real process needs none: nil.
	Killed() <-chan struct{}
}

// aborted is the exit status after SIGABRT, as a shell shows it. A Go program cannot end by that signal without printing its goroutines.
const aborted = 134

// cannotPlay is the exit status of a program that cannot reach its case.
const cannotPlay = 120

// Play does what s says and returns how the process shall end. It ends by itself when the case does.
func Play(a Actor, s Script) service.Exit {
	conn, err := net.Dial("tcp", s.Report)
	if err != nil {
		a.Print("cannot report: " + err.Error())
		return service.Exit{Code: cannotPlay}
	}
	defer conn.Close()
	p := player{Actor: a, script: s, out: json.NewEncoder(conn)}
	orders := orders(conn)
	h := a.Hello()
	h.Role = s.Role
	p.say(Report{Hello: &h})
	if o := <-orders; o.Do != heard { // what ends right away must not take its greeting with it
		return service.Exit{Code: cannotPlay}
	}
	for _, l := range s.Output {
		a.Print(l)
	}
	if s.Exit != nil {
		return service.Exit{Code: *s.Exit}
	}
	for _, child := range s.Spawn {
		p.done("spawn", a.Spawn(child))
	}
	if !s.Hold {
		p.done("ready", a.Notify("READY=1"))
	}
	return p.loop(orders)
}

type player struct {
	Actor
	script Script
	out    *json.Encoder
}

func (p *player) say(r Report) { _ = p.out.Encode(r) } // when the case is gone, loop sees it

func (p *player) done(what string, err error) {
	r := Report{Done: what}
	if err != nil {
		r.Error = err.Error()
	}
	p.say(r)
}

// orders reads until the case closes the connection.
func orders(conn net.Conn) <-chan Order {
	c := make(chan Order)
	go func() {
		defer close(c)
		in := bufio.NewScanner(conn)
		for in.Scan() {
			var o Order
			if json.Unmarshal(in.Bytes(), &o) == nil {
				c <- o
			}
		}
	}()
	return c
}

func (p *player) loop(orders <-chan Order) service.Exit {
	var ping <-chan time.Time
	if p.script.Ping > 0 {
		t := time.NewTicker(p.script.Ping)
		defer t.Stop()
		ping = t.C
	}
	for {
		select {
		case <-p.Killed():
			return service.Exit{Code: -1, Signal: "SIGKILL"}
		case <-ping:
			p.done("ping", p.Notify("WATCHDOG=1"))
		case sig := <-p.Signals():
			p.say(Report{Signal: sig})
			switch {
			case p.script.Deaf || sig == "SIGHUP" || sig == "SIGUSR1":
			case sig == "SIGABRT":
				return service.Exit{Code: aborted}
			default:
				return service.Exit{}
			}
		case o, ok := <-orders:
			if !ok {
				return service.Exit{}
			}
			if end := p.obey(o); end != nil {
				return *end
			}
		}
	}
}

// obey returns how to end, or nil to go on.
func (p *player) obey(o Order) *service.Exit {
	switch o.Do {
	case "exit":
		return &service.Exit{Code: o.Code}
	case "die":
		return &service.Exit{Code: -1, Signal: "SIGKILL"}
	case "ready":
		p.done(o.Do, p.Notify("READY=1"))
	case "notify":
		p.done(o.Do, p.Notify(o.Text))
	case "print":
		p.Print(o.Text)
		p.done(o.Do, nil)
	}
	return nil
}
