//go:build !unix

package cli

import "github.com/joshuaaferguson/apexd/service"

func readyOn(int) func(ready bool) { return func(bool) {} }

func endBySignal() {}

func awaited(service.Registration) bool { return false }
