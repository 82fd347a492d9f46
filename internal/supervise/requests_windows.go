package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/winevent"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// ListenRequests makes the events by which other processes ask the daemon of ref, which is to be this process, and turns them into requests; so it does with
// what the console sends to console, which may be nil. stop ends both and gives the events up.
//
// The events are made before the lock is taken, so that whoever finds the daemon in its record finds them too.
func ListenRequests(ref pidfile.Ref, console <-chan os.Signal) (requests <-chan Request, stop func(), err error) {
	self, err := proc.Self()
	if err != nil {
		return nil, nil, err
	}
	verbs := eventVerbs()
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = winevent.Name(ref.Path, self.PID, self.Identity.StartTime, v)
	}
	l, err := winevent.Listen(names...)
	if errors.Is(err, fs.ErrExist) { // their names have this process and the time of its start in them
		return nil, nil, &service.Error{
			Op: "start daemon", Code: service.CodeAlreadyRunning, PID: self.PID, Err: errors.New("this process is that daemon already"),
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make the events by which this daemon is asked to stop: %w", err)
	}
	c, done, ended := make(chan Request), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		forward(l, console, c, done)
	}()
	return c, func() {
		close(done)
		<-ended
		_ = l.Close() // the events go with the process at the latest
	}, nil
}

// forward hands every event and console signal to c until done.
func forward(l *winevent.Listener, console <-chan os.Signal, c chan<- Request, done <-chan struct{}) {
	verbs := eventVerbs()
	for {
		var r Request
		select {
		case i := <-l.C():
			r = eventRequest(verbs[i])
		case s := <-console:
			r = consoleRequest(s)
		case <-done:
			return
		}
		select {
		case c <- r:
		case <-done:
			return
		}
	}
}

// consoleRequest: os/signal makes SIGINT of Ctrl-C and Ctrl-Break, and SIGTERM of the closing of the console, logoff and shutdown, which leave five
// seconds or so.
func consoleRequest(s os.Signal) Request {
	if s == syscall.SIGTERM {
		return Request{Kind: RequestStop, By: "console close, logoff or shutdown"}
	}
	return Request{Kind: RequestStop, By: "Ctrl-C"}
}
