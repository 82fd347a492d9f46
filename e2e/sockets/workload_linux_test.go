package sockets

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// answer is what the workload says of itself to every request.
type answer struct {
	PID     int
	Listen  string // the variables of sd_listen_fds(3), the PID replaced by whether it is right
	Address string // of the first socket
}

const (
	exitCrash = 3
	endPath   = "/end" // the request to crash
	work      = 2 * time.Millisecond
)

// serve is the workload: an HTTP server on the sockets it was handed, or, with addresses, on its own. Asked to, it finishes the requests that it has
// accepted, and ends as after a crash. A request to stop (SIGTERM) it obeys in the same way.
func serve(own []string) error {
	listeners, err := handed()
	if len(own) > 0 {
		listeners, err = listen(own)
	}
	if err != nil {
		return err
	}
	a := answer{PID: os.Getpid(), Address: listeners[0].Addr().String(), Listen: fmt.Sprint(
		os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()), " ", os.Getenv("LISTEN_FDS"), " ", os.Getenv("LISTEN_FDNAMES"))}
	end := make(chan int, 1) // the exit status; further requests to end change nothing
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		select {
		case end <- 0:
		default:
		}
	}()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(work) // what a request takes: some are always under way
		if r.URL.Path == endPath {
			select {
			case end <- exitCrash:
			default:
			}
		}
		_ = json.NewEncoder(w).Encode(a)
	})}
	os.Exit(finish(server, listeners, end))
	return nil
}

// finish serves until end, whose status it returns, and then every connection that was accepted. That is not what Server.Shutdown does: it drops a connection whose first
// request is read after the call (net/http of Go 1.26, conn.serve).
func finish(server *http.Server, listeners []net.Listener, end <-chan int) (status int) {
	var accepting, open sync.WaitGroup
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew: // called by Serve, before it returns
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Done()
		}
	}
	for _, l := range listeners {
		accepting.Go(func() { _ = server.Serve(l) }) // until l is closed
	}
	status = <-end
	for _, l := range listeners {
		_ = l.Close() // the daemon's copy stays open, and new connections wait there
	}
	accepting.Wait()
	server.SetKeepAlivesEnabled(false)
	open.Wait()
	return status
}

// handed are the listeners from descriptor 3 on.
func handed() ([]net.Listener, error) {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	var all []net.Listener
	for i := 0; i < n && err == nil; i++ {
		f := os.NewFile(uintptr(3+i), "handed")
		var l net.Listener
		if l, err = net.FileListener(f); err == nil {
			all, err = append(all, l), f.Close()
		}
	}
	return all, err
}

func listen(addresses []string) ([]net.Listener, error) {
	var all []net.Listener
	for _, a := range addresses {
		network := "tcp"
		if strings.HasPrefix(a, "/") {
			network = "unix"
			_ = os.Remove(a)
		}
		l, err := net.Listen(network, a)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}
