// Package winsvc is the Service Control Manager (SCM) of Windows, as far as apexd uses it: what it says of a service, how a service is described to it, and, on
// Windows, the process that it runs as one. What it says and is told is plain data, the same on every system; only asking it is not.
package winsvc
