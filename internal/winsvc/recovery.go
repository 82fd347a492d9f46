package winsvc

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Recovery is what the SCM does when the service fails (SERVICE_FAILURE_ACTIONS). The zero value is nothing.
type Recovery struct {
	Delays []time.Duration // before the restart after the first failure, the second, …
	GiveUp bool            // after the last of Delays nothing is done any more; else its action is repeated for ever
	Reset  time.Duration   // after this long without a failure they are counted from the first again
}

// maxActions bounds the list of a policy with a generous limit; the registry keeps eight bytes for each.
const maxActions = 128

// RecoveryOf translates the configuration's policy, and says what the SCM cannot express.
func RecoveryOf(p service.RestartPolicy) (r Recovery, missing []string) {
	if p.When == service.RestartNever {
		return r, nil
	}
	n := maxActions
	if p.Limit > 0 && p.Limit <= maxActions {
		n, r.GiveUp = p.Limit, true
	} else if p.Limit > maxActions {
		missing = append(missing, fmt.Sprintf("restart.limit %d: more than %d restarts cannot be counted, and it never gives up", p.Limit, maxActions))
	}
	for i := range n {
		d := delay(p, i)
		if !r.GiveUp && i > 0 && d == r.Delays[i-1] {
			break // the last is repeated
		}
		r.Delays = append(r.Delays, d)
	}
	healthy := p.Healthy
	if healthy <= 0 {
		healthy = p.Window
	} else if p.Limit > 0 && p.Window > 0 && p.Window != healthy {
		missing = append(missing, fmt.Sprintf("restart.window %s: failures are forgotten after restart.resetAfter, %s", p.Window, p.Healthy))
	}
	// The time without a failure has the last delay in it, in which nothing could fail.
	r.Reset = seconds(healthy + r.Delays[len(r.Delays)-1])
	if p.Jitter > 0 {
		missing = append(missing, fmt.Sprintf("restart.jitter %g: delays are exact", p.Jitter))
	}
	return r, missing
}

// delay is the policy's for the try after n others, in the SCM's milliseconds.
func delay(p service.RestartPolicy, n int) time.Duration {
	d := float64(p.Delay) * math.Pow(max(p.Factor, 1), float64(n))
	if p.Max > 0 {
		d = min(d, float64(p.Max))
	}
	const most = float64(math.MaxUint32-1) * float64(time.Millisecond)
	return time.Duration(min(d, most)).Round(time.Millisecond)
}

func seconds(d time.Duration) time.Duration {
	return max((d + time.Second - 1).Truncate(time.Second), time.Second)
}

// String is r in one line: "restart after 1s, 2s, 4s, then nothing; forgotten after 1m4s".
func (r Recovery) String() string {
	if len(r.Delays) == 0 {
		return "none"
	}
	var b strings.Builder
	b.WriteString("restart after ")
	for i, d := range r.Delays {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(d.String())
	}
	if r.GiveUp {
		b.WriteString(", then nothing")
	} else {
		b.WriteString(", and so on")
	}
	return b.String() + "; forgotten after " + r.Reset.String()
}

// ParseRecovery reads what String writes. What the SCM has of somebody else's making cannot be read.
func ParseRecovery(s string) (r Recovery, err error) {
	if s == "none" || s == "" {
		return r, nil
	}
	list, reset, ok := strings.Cut(strings.TrimPrefix(s, "restart after "), "; forgotten after ")
	if ok {
		r.Reset, err = time.ParseDuration(reset)
	}
	if !ok || err != nil {
		return Recovery{}, fmt.Errorf("cannot read the recovery actions %q", s)
	}
	list, r.GiveUp = strings.CutSuffix(list, ", then nothing")
	list = strings.TrimSuffix(list, ", and so on")
	for d := range strings.SplitSeq(list, ", ") {
		delay, err := time.ParseDuration(d)
		if err != nil {
			return Recovery{}, fmt.Errorf("cannot read the recovery actions %q: %w", s, err)
		}
		r.Delays = append(r.Delays, delay)
	}
	return r, nil
}
