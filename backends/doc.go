// Package backends has one service.Backend for each way of keeping a daemon alive, and the door for Go programs: Open gives a manager of a
// project's daemon, Run is a daemon with a function of the program as its workload.
package backends
