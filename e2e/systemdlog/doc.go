// Package systemdlog holds the tests of the log in the systemd journal. Outside of a world they start one, e2e/lab's systemd, and run themselves in it.
package systemdlog
