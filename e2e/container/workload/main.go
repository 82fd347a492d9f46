// Command workload is what an image of the suite runs: it says that it is up, and ends when it is asked to, or with the status in its argument.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	fmt.Fprintln(os.Stdout, "up", os.Getenv("SECRET"))
	if len(args) > 0 {
		status, err := strconv.Atoi(args[0])
		if err != nil {
			return 125
		}
		return status
	}
	<-stop
	fmt.Fprintln(os.Stdout, "bye")
	return 0
}
