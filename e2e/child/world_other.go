//go:build !linux

package main

import "errors"

func contained([]string) error { return errors.ErrUnsupported }

func frozen([]string) error { return errors.ErrUnsupported }
