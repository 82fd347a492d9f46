//go:build unix

package conformance_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// Run implements servicetest.Foreground.
func (s *direct) Run(ctx context.Context) servicetest.ForegroundRun {
	return s.foreground(ctx, s.command(context.WithoutCancel(ctx), s.argv("run")))
}

// foregroundRun is one `apexd run`. It is told what a manager is told: sd_notify(3).
type foregroundRun struct {
	cmd   *exec.Cmd
	ready chan struct{}
	ended chan struct{}
	err   error // after ended
	out   output
	errs  output
}

// output is a buffer that may be read while a command still writes to it.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// foreground starts cmd, which is ended when ctx is, or left to the caller.
func (s *subject) foreground(ctx context.Context, cmd *exec.Cmd) *foregroundRun {
	r := &foregroundRun{cmd: cmd, ready: make(chan struct{}), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &r.out, &r.errs
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(s.root, fmt.Sprintf("n%d", time.Now().UnixNano()))})
	if err == nil {
		cmd.Env = append(slices.Clone(cmd.Env), "NOTIFY_SOCKET="+socket.LocalAddr().String())
		err = cmd.Start()
	}
	if err != nil {
		r.err = err
		close(r.ended)
		return r
	}
	stop := context.AfterFunc(ctx, func() { _ = interrupt(cmd.Process) }) // the case's time is over
	go func() {
		defer close(r.ended)
		r.err = cmd.Wait()
		stop()
		socket.Close()
	}()
	go listenReady(socket, r.ready)
	return r
}

// listenReady closes ready at the first READY=1 and goes on reading until socket is closed, so that nobody waits for it.
func listenReady(socket *net.UnixConn, ready chan struct{}) {
	buf := make([]byte, 4096)
	for once := false; ; {
		n, err := socket.Read(buf)
		if err != nil {
			return
		}
		if !once && slices.Contains(strings.Split(string(buf[:n]), "\n"), "READY=1") {
			once = true
			close(ready)
		}
	}
}

func (r *foregroundRun) Ready(ctx context.Context) error {
	select {
	case <-r.ready:
		return nil
	case <-r.ended:
		return fmt.Errorf("it has ended: %w\n%s", r.err, r.out.String()+r.errs.String())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *foregroundRun) Interrupt() error { return interrupt(r.cmd.Process) }

func (r *foregroundRun) Wait(ctx context.Context) servicetest.Outcome {
	select {
	case <-r.ended:
		return outcome(r.err, r.out.String(), r.errs.String())
	case <-ctx.Done():
		return servicetest.Outcome{Exit: -2, Text: context.Cause(ctx).Error() + r.out.String()}
	}
}

// started waits for either end of a start.
func (r *foregroundRun) started(ctx context.Context, pid int) servicetest.Outcome {
	select {
	case <-r.ready:
		return servicetest.Outcome{PID: pid, Text: r.out.String()}
	case <-r.ended:
	case <-ctx.Done():
		_ = r.Interrupt() // it may have ended
		<-r.ended
	}
	return r.Wait(context.WithoutCancel(ctx))
}

// foregroundDriver is `apexd run`, the start of which is that it says READY=1.
type foregroundDriver struct{}

func (foregroundDriver) Name() string { return "foreground" }

func (foregroundDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.HasStartWait:
		return servicetest.Absence{Reason: "run ends as its workload does"}
	}
	return directDriver{}.Missing(a)
}

func (foregroundDriver) New(t servicetest.T, base string) servicetest.Subject {
	return &inForeground{direct{newSubject(t, base)}}
}

type inForeground struct{ direct }

func (s *inForeground) Start(ctx context.Context) servicetest.Outcome { return s.start(ctx) }

func (s *inForeground) start(ctx context.Context, args ...string) servicetest.Outcome {
	r := s.foreground(context.Background(), s.command(context.Background(), s.argv("run", args...)))
	if r.cmd.Process == nil {
		return r.Wait(ctx)
	}
	return r.started(ctx, r.cmd.Process.Pid)
}

func (s *inForeground) StartScript(ctx context.Context, script servicetest.Script, args []string) servicetest.Outcome {
	return s.start(ctx, append([]string{"--"}, childCommand(script, args)...)...)
}

func (s *inForeground) Copy(t servicetest.T, base string) servicetest.Subject {
	return &inForeground{direct{s.copyTo(t, base)}}
}

func (s *inForeground) AsOther(t servicetest.T) servicetest.Subject {
	return &inForeground{*s.direct.AsOther(t).(*direct)}
}

func (s *inForeground) OnReadOnly(t servicetest.T) servicetest.Subject {
	return &inForeground{*s.direct.OnReadOnly(t).(*direct)}
}

var (
	_ servicetest.Foreground = (*direct)(nil)
	_ servicetest.Subject    = (*inForeground)(nil)
)
