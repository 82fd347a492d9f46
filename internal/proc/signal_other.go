//go:build !unix

package proc

// SignalNumber is 0 for what is no name of a signal.
func SignalNumber(name string) int { return portableSignalNumber(name) }
