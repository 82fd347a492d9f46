//go:build unix

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// dirVariable tells launchctl where its launchd is.
const dirVariable = "APEXD_FAKE_LAUNCHD"

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 || args[0] != "-serve" {
		return ask(os.Getenv(dirVariable), args)
	}
	f := flag.NewFlagSet("fakelaunchd", flag.ContinueOnError)
	var o options
	dir := f.String("serve", "", "keep jobs, and be asked at DIR/socket")
	f.IntVar(&o.UID, "uid", os.Getuid(), "whose gui and user domains there are")
	f.BoolVar(&o.NoGUI, "nogui", false, "nobody is logged in at the screen")
	f.BoolVar(&o.Old, "old", false, "answer as macOS 12 and older do")
	f.BoolVar(&o.Pend, "pend", false, "put every spawn off that nobody has demanded")
	f.BoolVar(&o.NoBootstrap, "nobootstrap", false, "know only the older subcommands")
	f.DurationVar(&o.Release, "release", 100*time.Millisecond, "how long a label stays after its process is gone")
	if err := f.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *dir, o); err != nil {
		fmt.Fprintln(os.Stderr, "fakelaunchd:", err)
		return 1
	}
	return 0
}

func socketIn(dir string) string { return filepath.Join(dir, "socket") }
