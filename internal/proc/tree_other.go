//go:build !linux

package proc

import "errors"

func withEnv([]string) ([]Info, error) { return nil, errors.ErrUnsupported }

func exiting() ([]Info, error) { return nil, errors.ErrUnsupported }

func setSubreaper() error { return errors.ErrUnsupported }

func hasOpen(int, string) bool { return false }

func lockHolder(string) (int, bool) { return 0, false }
