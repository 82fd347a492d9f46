package cli

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"

	"github.com/joshuaaferguson/apexd/internal/footprint"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// serve is run for the Service Control Manager, with which it speaks before anything else.
func (a *app) serve(ctx context.Context, args []string, f runFlags) error {
	err := winsvc.Host(f.keeper.Service, func(h winsvc.Hosted) winsvc.End { return a.work(ctx, args, f, h) })
	if err != nil && !errors.Is(err, winsvc.ErrNotHosted) { // a person reads it where it is printed
		winsvc.Report(f.keeper.Service, eventOf(winsvc.EventHost, a.name, a.project, "", err))
	}
	return err
}

// work is the daemon inside of its service. What went wrong before there is a log is in the Application log only.
func (a *app) work(ctx context.Context, args []string, f runFlags, h winsvc.Hosted) winsvc.End {
	s := served{app: a, flags: f, hosted: h, name: a.name, project: a.project}
	err := s.run(ctx, args)
	by := s.asked.Load()
	end, id := endOf(err, by != nil, h.Awaited && !s.ready, s.policy)
	e := s.event(id, err)
	if by != nil {
		e.Detail = strings.TrimSpace("It was asked to, by " + *by + ".\n" + e.Detail)
	}
	if id != winsvc.EventStopped || by == nil || s.ready {
		winsvc.Report(f.keeper.Service, e)
	}
	return end
}

// served is a daemon that a service runs.
type served struct {
	app    *app
	flags  runFlags
	hosted winsvc.Hosted

	name, project, log string
	policy             service.RestartWhen
	ready              bool                   // set by Run's own goroutine, which has ended when it is read
	asked              atomic.Pointer[string] // who has asked it to stop first
}

func (s *served) run(ctx context.Context, args []string) error {
	t, err := s.app.find()
	if err != nil {
		return err
	}
	o, err := s.app.daemon(t, args, s.flags)
	if err != nil {
		return err
	}
	s.name, s.project, s.log, s.policy = o.Spec.Name, o.Ref.Project, o.Spec.Log.Path, o.Spec.Restart.When
	o.Again = s.hosted.Again
	reload := o.Reload
	o.Reload = func() (service.Spec, error) {
		spec, err := reload()
		if err != nil {
			winsvc.Report(s.flags.keeper.Service, s.event(winsvc.EventReload, err))
		}
		return spec, err
	}
	o.Report = func(d *supervise.Daemonized, _ error) {
		if d != nil {
			s.ready = true
			s.hosted.Ready()
			e := s.event(winsvc.EventReady, nil)
			if s.hosted.Again {
				e.Detail = "The Service Control Manager has started it again, because it had failed."
			}
			winsvc.Report(s.flags.keeper.Service, e)
		}
	}
	o.Idle = footprint.Settle
	events, stop, err := supervise.ListenRequests(o.Ref, nil)
	if err != nil {
		return err
	}
	defer stop()
	requests, done, ended := make(chan supervise.Request), make(chan struct{}), make(chan struct{})
	o.Signals = requests
	go func() {
		defer close(ended)
		s.forward(events, requests, done)
	}()
	defer func() {
		close(done)
		<-ended
	}()
	if err := os.Chdir(o.Ref.Project); err != nil { // the SCM starts in System32
		return err
	}
	return supervise.Run(ctx, o)
}

// forward makes one stream of what other processes and what the SCM ask.
func (s *served) forward(events <-chan supervise.Request, to chan<- supervise.Request, done <-chan struct{}) {
	for {
		var r supervise.Request
		select {
		case r = <-events:
		case c := <-s.hosted.Controls:
			r = supervise.Request{Kind: supervise.RequestStop, By: "Windows, " + string(c)}
			if c == winsvc.ControlReload {
				r.Kind = supervise.RequestReload
			}
		case <-done:
			return
		}
		if r.Kind != supervise.RequestReload {
			s.asked.CompareAndSwap(nil, &r.By)
		}
		select {
		case to <- r:
		case <-done:
			return
		}
	}
}

func (s *served) event(id winsvc.EventID, err error) winsvc.Event {
	return eventOf(id, s.name, s.project, s.log, err)
}
