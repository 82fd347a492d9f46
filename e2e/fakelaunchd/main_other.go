//go:build !unix

package main

import (
	"fmt"
	"os"
)

func main() { fmt.Fprintln(os.Stderr, "there is no fake launchd on this system: it needs signals") }
