// Command fuzz runs every fuzz target of the module, one after the other, and prints what each has done as a table:
//
//	go run ./e2e/fuzz -for 30s               every target for 30 seconds
//	go run ./e2e/fuzz -for 5m -only Decode   those whose name matches
//	go run ./e2e/fuzz -for 1m -keep 16       and add up to 16 of the inputs that have reached new code to testdata/fuzz, for `go test`
//
// Exit status 1 when a target failed; the input that did it is in the package's testdata/fuzz, where `go test` runs it from then on.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	var o options
	flag.DurationVar(&o.each, "for", 10*time.Second, "how long each target runs")
	flag.IntVar(&o.keep, "keep", 0, "how many inputs each target's testdata/fuzz may come to hold; 0 adds none")
	flag.IntVar(&o.parallel, "parallel", 1, "processes that run one target")
	only := flag.String("only", "", "run the targets whose package.Name matches this `pattern` alone")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	each           time.Duration
	keep, parallel int
	only           *regexp.Regexp
}

// run is the whole command. The table goes to out, a line as soon as it is known.
func run(ctx context.Context, o options, out io.Writer) error {
	targets, err := find(ctx)
	if err != nil {
		return err
	}
	cache, err := goTool(ctx, "env", "GOCACHE")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| target | executions | time | inputs that reached new code | corpus |\n|---|---|---|---|---|\n")
	var total result
	ran, failed := 0, 0
	for _, t := range targets {
		if !o.only.MatchString(t.String()) {
			continue
		}
		r, err := t.run(ctx, o)
		if err != nil {
			failed++
			fmt.Fprintf(os.Stderr, "%s: %v\n", t, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if o.keep > 0 && err == nil {
			err = t.keep(cache, o.keep)
		}
		if err == nil {
			r.corpus, err = t.corpus()
		}
		if err != nil && r.execs == 0 {
			fmt.Fprintf(os.Stderr, "%s: %v\n", t, err)
		}
		fmt.Fprintf(out, "| `%s` | %d | %s | %d | %d |\n", t, r.execs, r.elapsed, r.fresh, r.corpus)
		ran++
		total.execs, total.elapsed, total.fresh, total.corpus = total.execs+r.execs, total.elapsed+r.elapsed, total.fresh+r.fresh, total.corpus+r.corpus
	}
	fmt.Fprintf(out, "| %d targets | %d | %s | %d | %d |\n", ran, total.execs, total.elapsed, total.fresh, total.corpus)
	if ran == 0 {
		return fmt.Errorf("no target matches %q", o.only)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d targets failed", failed, ran)
	}
	return nil
}
