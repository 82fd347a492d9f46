// Package pictures makes the pictures in docs/img, of what apexd shows on a terminal: each is a real run, in a world of e2e/lab, on a pseudoterminal. `make pictures` makes
// them anew; the test without -update says when they show something else than a run does.
package pictures
