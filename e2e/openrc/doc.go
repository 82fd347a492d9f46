// Package openrc tests registration with a real OpenRC. Its tests run inside of the world of e2e/lab that OpenRC has booted; elsewhere TestInWorld, as root, makes this
// world and runs the tests there. Nothing that they do reaches the host.
package openrc
