// Package service is the core of apexd: the vocabulary that every part shares (Spec, Status, State, Error), the daemon's state machine, the
// restart policy, and Manager, which a program uses to start, stop and ask for a project's daemon. It imports the standard library only and knows no
// operating system, no service manager and no command line.
//
// Who calls whom: a program (or internal/cli) has a Manager over a Backend; a Backend (package backends) starts, stops and observes the daemon; the daemon
// (internal/supervise) runs the workload and takes every transition below.
//
// The states, and the events that lead from one to another:
//
//	stopped    --launch-->   starting
//	stopped    --give up-->  failed
//	starting   --ready-->    running
//	starting   --retry-->    restarting
//	starting   --give up-->  failed
//	starting   --complete--> stopped
//	starting   --stop-->     stopping
//	running    --ready-->    running
//	running    --reload-->   reloading
//	running    --retry-->    restarting
//	running    --give up-->  failed
//	running    --complete--> stopped
//	running    --stop-->     stopping
//	reloading  --ready-->    running
//	reloading  --reload-->   reloading
//	reloading  --retry-->    restarting
//	reloading  --give up-->  failed
//	reloading  --complete--> stopped
//	reloading  --stop-->     stopping
//	stopping   --stop-->     stopping
//	stopping   --gone-->     stopped
//	restarting --launch-->   starting
//	restarting --retry-->    restarting
//	restarting --give up-->  failed
//	restarting --stop-->     stopping
//	failed     --launch-->   starting
//
// Three facts are kept apart in Status: Running (a process holds the daemon's lock), Ready (the workload said so) and Wanted (it should be up).
//
//	running  ready  wanted
//	no       no     no      stopped, and meant to be
//	no       no     yes     failed: it crashed or gave up
//	yes      no     yes     starting, restarting, or not ready yet
//	yes      yes    yes     serving
package service
