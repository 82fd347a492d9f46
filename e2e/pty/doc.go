// Package pty gives tests a terminal to type at and look at.
package pty
