package supervise

import (
	"context"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// funcTree is a workload inside this process. It cannot be killed: the daemon's own end is its end.
type funcTree struct {
	self   int
	cancel context.CancelFunc
	done   chan error
	end    *service.Exit
	err    error // with end
}

// startFunc runs the daemon's Func. Its error counts as exit status 1.
func startFunc(ctx context.Context, d *daemon, ready func(address string)) tree {
	t := &funcTree{self: d.self.PID, done: make(chan error, 1)} // one result, whether or not somebody still looks
	ctx, t.cancel = context.WithCancel(ctx)
	go func() {
		err := d.o.Func(ctx, d, ready)
		if err != nil && !errors.Is(err, context.Canceled) {
			d.post(ctx, func() { d.logger.Error("The server has ended", "err", err) })
		}
		t.done <- err
		select {
		case d.wake <- nil:
		default:
		}
	}()
	return t
}

func (t *funcTree) pid() int { return t.self }

func (t *funcTree) look() (*service.Exit, bool) {
	select {
	case err := <-t.done:
		t.end = &service.Exit{At: time.Now()}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.end.Code, t.err = 1, err
		}
	default:
	}
	return t.end, t.end != nil
}

func (t *funcTree) tells() bool { return true }

func (t *funcTree) signal(string) error { return nil }

func (t *funcTree) ask(string) error {
	t.cancel()
	return nil
}

func (t *funcTree) askRest(string) {}

func (t *funcTree) kill() { t.cancel() }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

var _ os.Signal = os.Interrupt
