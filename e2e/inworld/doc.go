// Package inworld is what the suites share that run in worlds of e2e/lab: they build apexd and the lab, put themselves into a world, and run commands there.
package inworld
