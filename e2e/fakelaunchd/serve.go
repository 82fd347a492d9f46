//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
)

// question is what launchctl asks.
type question struct {
	Args []string
	UID  int
}

// answer is what it prints, and its exit status.
type answer struct {
	Out, Err string
	Status   int
}

// ask is launchctl.
func ask(dir string, args []string) int {
	a, err := question{args, os.Getuid()}.put(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "launchctl:", err)
		return 69 // EX_UNAVAILABLE
	}
	_, _ = os.Stdout.WriteString(a.Out) // a reader that has gone away has its exit status
	_, _ = os.Stderr.WriteString(a.Err)
	return a.Status
}

// put asks the launchd of dir.
func (q question) put(dir string) (answer, error) {
	var a answer
	conn, err := net.Dial("unix", socketIn(dir))
	if err != nil {
		return a, err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return a, err
	}
	return a, json.NewDecoder(conn).Decode(&a)
}

// serve is launchd, until ctx is done. Then every job is ended.
func serve(ctx context.Context, dir string, o options) error {
	m, err := newMachine(dir, o)
	if err != nil {
		return err
	}
	defer m.shutdown()
	l, err := net.Listen("unix", socketIn(dir))
	if err != nil {
		return err
	}
	if err := os.Chmod(socketIn(dir), 0o777); err != nil { // anybody may ask
		l.Close()
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		wg.Go(func() { converse(conn, m) })
	}
}

func converse(conn net.Conn, m *machine) {
	defer conn.Close()
	var q question
	if json.NewDecoder(conn).Decode(&q) != nil {
		return
	}
	_ = json.NewEncoder(conn).Encode(m.answer(q)) // whoever has gone away needs none
}
