package proc

// portableSignalNumber is what shells add to 128, the same on every Unix.
func portableSignalNumber(name string) int {
	switch name {
	case "SIGHUP":
		return 1
	case "SIGINT":
		return 2
	case "SIGQUIT":
		return 3
	case "SIGABRT":
		return 6
	case "SIGKILL":
		return 9
	case "SIGTERM":
		return 15
	}
	return 0
}
