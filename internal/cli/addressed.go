package cli

import (
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/service"
)

// ofOne are the commands that are about one daemon.
var ofOne = []string{
	"start", "stop", "restart", "reload", "kill", "run", "status", "logs", "history", "doctor", "init", "config", "install", "uninstall", "enable", "disable",
}

// addressed is text for people, in which the commands to type next are about the daemon that this command was about: they get its flags, where they have none of these.
func (a *app) addressed(text string) string {
	var which strings.Builder
	for _, f := range []struct{ name, value string }{{" --project ", a.project}, {" --name ", a.name}, {" --pid-file ", a.pidFile}} {
		if f.value != "" && (f.value != service.DefaultName || f.name != " --name ") {
			which.WriteString(f.name + shellword.Show(f.value))
		}
	}
	if which.Len() == 0 {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "apexd ")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r < 'a' || r > 'z' })
		if end < 0 {
			end = len(after)
		}
		b.WriteString("apexd " + after[:end])
		if text = after[end:]; slices.Contains(ofOne, after[:end]) && !hasOwn(text) {
			b.WriteString(which.String())
		}
	}
}

// hasOwn reports whether the rest of a command says itself which daemon it is about.
func hasOwn(rest string) bool {
	return strings.HasPrefix(rest, " --project ") || strings.HasPrefix(rest, " --name ") || strings.HasPrefix(rest, " --pid-file ")
}
