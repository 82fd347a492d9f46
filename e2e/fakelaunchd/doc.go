// Command fakelaunchd is a launchd for tests on systems that have none, and its launchctl. As `fakelaunchd -serve DIR` it keeps jobs: it executes their programs, restarts them as their property
// lists say, throttles, boots them out in its own time. Under any other command line it is launchctl(1), and asks the one whose DIR is in APEXD_FAKE_LAUNCHD.
//
// It is made after what Apple documents (launchctl(1), launchd.plist(5)) and, where that says nothing, after what people have measured and reported of real ones: the page docs/launchd.md
// has the list. What it was not told it refuses, so that a test cannot pass by luck: an unknown key of a property list, an unknown subcommand, an unknown option.
package main
