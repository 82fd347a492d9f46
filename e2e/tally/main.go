// Command tally makes the output of `go test -json` readable and countable. It prints one line a package, everything a failed test printed,
// and every skipped test with its reason. The counts, and once more what failed, are appended to files, so that several runs can be summed up at the end:
//
//	go test -json ./... | tally -to counts -failures failures
//	cat failures
//	tally -sum counts      # 123 passed, 0 failed, 2 skipped
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	to := flag.String("to", "", "append the counts to this `file`")
	failures := flag.String("failures", "", "append what each failed test printed, without the middle of a long text, to this `file`")
	sum := flag.String("sum", "", "print the sum of the counts in this `file`, and nothing else")
	flag.Parse()
	failed, err := run(options{*to, *failures, *sum}, os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// options are the flags, all of them files; "" is none.
type options struct{ to, failures, sum string }

// run does what the flags say and reports whether anything failed, or no test ran.
func run(o options, in io.Reader, out io.Writer) (failed bool, err error) {
	if o.sum != "" {
		text, err := os.ReadFile(o.sum)
		if err != nil {
			return true, err
		}
		c, err := parseCounts(string(text))
		if err != nil {
			return true, err
		}
		fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", c.passed, c.failed, c.skipped)
		return c.bad(), nil
	}
	c, failures, err := read(in, out)
	if err == nil {
		err = appendTo(o.to, fmt.Sprintln(c.passed, c.failed, c.skipped))
	}
	if err == nil {
		err = appendTo(o.failures, failures)
	}
	return c.bad() || err != nil, err
}

// appendTo appends text to file, if there is one.
func appendTo(file, text string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
