// Command tally makes the output of `go test -json` readable and countable. It prints one line a package, everything a failed test printed,
// and every skipped test with its reason, and appends the counts to a file, so that several runs can be summed up in one line:
//
//	go test -json ./... | tally -to counts
//	tally -sum counts      # 123 passed, 0 failed, 2 skipped
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	to := flag.String("to", "", "append the counts to this `file`")
	sum := flag.String("sum", "", "print the sum of the counts in this `file`, and nothing else")
	flag.Parse()
	failed, err := run(*to, *sum, os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if failed || err != nil {
		os.Exit(1)
	}
}

// run does what the flags say and reports whether anything failed, or no test ran.
func run(to, sum string, in io.Reader, out io.Writer) (failed bool, err error) {
	if sum != "" {
		text, err := os.ReadFile(sum)
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
	c, err := read(in, out)
	if err != nil || to == "" {
		return c.bad(), err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return true, err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, c.passed, c.failed, c.skipped)
	return c.bad(), err
}
