// Package sysv tests installations on a real System V init, and the service directories of real runit and s6, in worlds of e2e/lab.
package sysv
