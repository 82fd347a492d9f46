// Package export writes a daemon's configuration as an existing engine wants it: Kubernetes, Compose, Nomad, or a systemd unit of Podman's (Quadlet). It reads
// nothing and starts nothing. What an engine cannot say is in the text as a comment, and a [Note]; what it could misread is quoted, or refused.
//
// In each of them `apexd run` is the container's first process. The engine keeps the container; apexd keeps the workload in it (docs/engines.md).
package export

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/service"
)

// Engine is who runs the container.
type Engine string

// The engines.
const (
	Kubernetes Engine = "kubernetes"
	Compose    Engine = "compose"
	Nomad      Engine = "nomad"
	Quadlet    Engine = "quadlet"
)

// Engines returns all of them, in the order of help.
func Engines() []Engine { return []Engine{Kubernetes, Compose, Nomad, Quadlet} }

// Daemon is what is to be run.
type Daemon struct {
	Spec service.Spec
	// Key is the daemon's short name outside of its project, as of project.Key: at most 44 of a-z, 0-9 and '-'.
	Key string
	// EnvFile is the path of the environment file in use, "" for none. Its content is never looked at.
	EnvFile string
	// EnvFileNamed says that the configuration names it: then apexd in the container wants it there too.
	EnvFileNamed bool
	// Elsewhere are the values that come from neither the project's file nor the environment file, so that they are not in the image.
	Elsewhere []Source
}

// Source is where a value comes from.
type Source struct{ Key, From string }

// Options say what no configuration does. The zero value is good.
type Options struct {
	Image string // DefaultImage of the key
	Path  string // of the project in the image, DefaultPath
	Ports []int  // TCP ports on which the workload answers the world, 1 to 65535
}

// DefaultPath is where the project is in an image.
const DefaultPath = "/app"

// DefaultImage is the image of the daemon with this key.
func DefaultImage(key string) string { return key + ":latest" }

// Note is something that the engine cannot say, or that has to be done besides.
type Note struct {
	Key  string `json:"key"` // of the configuration, or a word for what it concerns
	Text string `json:"text"`
}

// Document is the answer.
type Document struct {
	Text  string // a whole file
	Notes []Note // what is in its comments
}

// Render writes d for e. Errors: *service.Error with CONFIG_INVALID for an engine that does not exist, and for what the engine would misread.
func Render(e Engine, d Daemon, o Options) (Document, error) {
	write, known := map[Engine]func(*plan) string{Kubernetes: (*plan).kubernetes, Compose: (*plan).compose, Nomad: (*plan).nomad, Quadlet: (*plan).quadlet}[e]
	if !known {
		return Document{}, refuse("export to "+quote(string(e)), errors.New("there is no such engine"), "one of "+list(Engines()))
	}
	if o.Image == "" {
		o.Image = DefaultImage(d.Key)
	}
	if o.Path == "" {
		o.Path = DefaultPath
	}
	if err := check(e, d, o); err != nil {
		return Document{}, err
	}
	p := newPlan(d, o)
	text := write(p)
	return Document{p.head(e) + text, p.notes}, nil
}

func list(engines []Engine) string {
	words := make([]string, len(engines))
	for i, e := range engines {
		words[i] = string(e)
	}
	return strings.Join(words, ", ")
}

func refuse(op string, err error, hint string) error {
	return &service.Error{Op: op, Code: service.CodeConfigInvalid, Err: err, Hint: hint}
}

// check refuses what no quoting keeps whole.
func check(e Engine, d Daemon, o Options) error {
	if err := checkImage(o.Image); err != nil {
		return refuse("use the image "+quote(o.Image), err, "--image registry.example.org/shop:1.2")
	}
	if !strings.HasPrefix(o.Path, "/") || path.Clean(o.Path) != o.Path || strings.ContainsFunc(o.Path, odd) {
		return refuse("use the path "+quote(o.Path), errors.New("it is not an absolute path of letters, digits, '/', '.', '_' and '-'"), "--path "+DefaultPath)
	}
	for _, n := range o.Ports {
		if n < 1 || n > 65535 {
			return refuse(fmt.Sprintf("publish port %d", n), errors.New("it is not from 1 to 65535"), "--port 8080")
		}
	}
	words := arguments(d)
	if d.EnvFile != "" {
		words = append(words, d.EnvFile)
	}
	for _, word := range words {
		if err := checkWord(e, word); err != nil {
			return refuse(fmt.Sprintf("write %q for %s", word, e), err, "leave it in the configuration, which is in the image: apexd reads it there")
		}
	}
	return nil
}

// odd reports whether r is none of the characters that mean themselves in every one of the formats.
func odd(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r))
}

// checkImage refuses what is no reference to an image: [domain/]path[:tag][@digest] (distribution/reference, "Grammar").
func checkImage(image string) error {
	if len(image) > 512 || strings.ContainsFunc(image, func(r rune) bool { return odd(r) && r != ':' && r != '@' && r != '+' }) {
		return errors.New("an image is named by letters, digits, and any of / . _ - : @ +")
	}
	if first := image[0]; strings.IndexByte("/._-:@+", first) >= 0 {
		return errors.New("an image begins with a letter or digit")
	}
	return nil
}

// checkWord refuses what e would change whatever is done.
func checkWord(e Engine, word string) error {
	switch {
	case !utf8.ValidString(word):
		return errors.New("it is not UTF-8, and the file has to be")
	case strings.ContainsRune(word, 0):
		return errors.New("it has a NUL byte")
	case e == Quadlet && word == "":
		return errors.New("Podman's generator takes an empty word for the end of the command")
	case e == Nomad && strings.Contains(word, "${"):
		return errors.New(`Nomad puts a value of its own in place of "${…}" when the task starts, and has no way to write one that stays`)
	}
	return nil
}

// arguments are those of apexd in the container.
func arguments(d Daemon) []string {
	args := []string{"run"}
	if d.Spec.FromArgs {
		args = append(append(args, "--"), d.Spec.Command...)
	}
	return args
}

// head is the comment at the top. Whatever is said there stays on its line.
func (p *plan) head(e Engine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: the daemon %q, made by \"apexd export %s\". Make it anew after the configuration has changed.\n", p.d.Key, p.d.Spec.Name, e)
	fmt.Fprintf(&b, "# The image has the project in %s and apexd in its PATH (docs/engines.md). %s\n", p.o.Path, usage(e, p.d.Key))
	for _, n := range p.notes {
		fmt.Fprintf(&b, "# - %s: %s\n", oneLine(n.Key), oneLine(n.Text))
	}
	return b.String() + "\n"
}

// usage is how a person hands the text to e.
func usage(e Engine, key string) string {
	switch e {
	case Kubernetes:
		return "kubectl apply -f FILE"
	case Compose:
		return "As compose.yaml: docker compose up -d"
	case Nomad:
		return "nomad job run FILE"
	case Quadlet:
		return "As ~/.config/containers/systemd/" + key + ".container or in /etc/containers/systemd: systemctl --user daemon-reload, systemctl --user start " + key
	}
	return ""
}

// note adds what has to be said, once.
func (p *plan) note(key, format string, args ...any) {
	n := Note{key, fmt.Sprintf(format, args...)}
	if !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}
