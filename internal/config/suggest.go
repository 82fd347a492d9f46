package config

import (
	"cmp"
	"strings"
)

// suggest returns the candidate that word was probably meant to be, or "".
func suggest(word string, candidates []string) string {
	return Nearest(cmp.Or(otherWord(plain(word)), word), candidates)
}

// Nearest is the candidate that is written almost as word is, or "". Case, "-" and "_" do not count.
func Nearest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	want := plain(word)
	best, least := "", 1+min(3, (len(want)+1)/3)
	for _, c := range candidates {
		if d := distance(want, plain(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// plain drops case, "-" and "_", so that stop_timeout is stopTimeout.
func plain(s string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
}

// otherWord is our word for one that other tools use (compose, pm2, systemd), or "".
func otherWord(s string) string {
	switch s {
	case "cmd", "exec", "execstart", "script", "run", "args", "entrypoint":
		return "command"
	case "env", "environ", "variables":
		return "environment"
	case "dotenv", "envfile":
		return "environmentfile"
	case "cwd", "dir", "directory":
		return "workingdirectory"
	case "killtimeout", "gracefultimeout", "graceperiod":
		return "stoptimeout"
	case "killsignal":
		return "stopsignal"
	case "autorestart":
		return "restart"
	case "healthcheck", "ready", "probe":
		return "readiness"
	case "listen", "listenstream", "listendatagram", "fds":
		return "sockets"
	case "warning":
		return "warn"
	case "no", "false", "off":
		return "never"
	case "yes", "true", "unlessstopped":
		return "always"
	}
	return ""
}

// distance is the number of letters to insert, remove, replace or swap with the next to make b of a (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
