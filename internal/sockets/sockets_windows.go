package sockets

import (
	"errors"
	"fmt"
	"os"

	"github.com/joshuaaferguson/apexd/service"
)

// errUnsupported: Windows has nothing like sd_listen_fds(3) that programs would know of. The configuration refuses the key there.
var errUnsupported = fmt.Errorf("%w: Windows cannot hand sockets to a program", errors.ErrUnsupported)

func take() (given, error) { return given{}, nil }

func inherited(service.Socket, int) (held, error) { return held{}, errUnsupported }

func listen(service.Socket) (held, error) { return held{}, errUnsupported }

func duplicate(*os.File, string) (*os.File, error) { return nil, errUnsupported }

// Exec is not called: nothing starts a program that way here.
func Exec([]string) int { return 2 }
