// Package sockets has the evidence that a daemon's sockets outlive its workload: a server that crashes again and again while clients ask it without a
// pause, none of whom is refused.
package sockets
