//go:build unix

package config

// haveSockets: a program can be given descriptors when it is executed.
const haveSockets = true
