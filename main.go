// Command apexd keeps one project's daemon running and tells truly whether it is.
package main

import (
	"os"

	"github.com/joshuaaferguson/apexd/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
