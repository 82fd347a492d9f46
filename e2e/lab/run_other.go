//go:build !linux

package main

import (
	"fmt"
	"os"
)

// run says that there are no worlds here: they are made of Linux namespaces.
func run(args []string) int {
	if _, err := parse(args[1:], os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\n", err)
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "lab: worlds are made of Linux namespaces; this is another system")
	return exitLab
}
