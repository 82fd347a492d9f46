//go:build unix

package history

// replaceWhileOpen: rename(2) leaves the old file to those who have it open.
const replaceWhileOpen = true
