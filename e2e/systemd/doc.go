// Package systemd tests registration with a real systemd, the system's and a user's. Its tests run inside of the worlds of e2e/lab that boot one; elsewhere
// TestInWorlds, as root, makes these worlds and runs the tests there. Nothing that they do reaches the host.
package systemd
