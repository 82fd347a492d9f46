package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

// TestReference keeps docs/cli.md equal to what --help says.
func TestReference(t *testing.T) {
	const path = "../../docs/cli.md"
	var b strings.Builder
	b.WriteString("# Command line\n\nMade from the commands themselves by `go test ./internal/cli -update`; do not edit.\n")
	root := newRoot(&app{}, nil)
	section(&b, root)
	for _, c := range commands {
		for _, cmd := range root.Commands() {
			if cmd.Name() == c.name && !cmd.Hidden {
				section(&b, cmd)
				for _, sub := range cmd.Commands() {
					section(&b, sub)
				}
			}
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Error("docs/cli.md is not what the commands say: go test ./internal/cli -update")
	}
}

func section(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n", c.CommandPath())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "%s\n\n", text)
	if c.Runnable() {
		fmt.Fprintf(b, "```\n%s\n```\n", c.UseLine())
	}
	if f := c.LocalFlags().FlagUsages(); f != "" {
		fmt.Fprintf(b, "\n```\n%s```\n", f)
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\nFor example\n\n```\n%s\n```\n", c.Example)
	}
}

// TestEveryCommand: each has an example, a description that begins with a capital and has no period, and works without the others being made.
func TestEveryCommand(t *testing.T) {
	for _, c := range commands {
		cmd := c.make(&app{})
		if cmd.Name() != c.name {
			t.Errorf("%s makes %s", c.name, cmd.Name())
		}
		if cmd.Example == "" && !cmd.Hidden || cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || strings.ToUpper(cmd.Short[:1]) != cmd.Short[:1] {
			t.Errorf("%s: example %q, description %q", c.name, cmd.Example, cmd.Short)
		}
		if n := len(newRoot(&app{}, []string{c.name}).Commands()); n != 1 && !c.ofAll {
			t.Errorf("%s: %d commands were made", c.name, n)
		}
	}
}
