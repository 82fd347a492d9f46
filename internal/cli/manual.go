package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// newManCmd writes the manual: the same words as --help and docs/cli.md, as manual pages.
func newManCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "man [DIRECTORY]",
		Short:   "Write the manual pages",
		Long:    "Write a manual page for apexd and one for each verb into DIRECTORY, which is there, or print the first one. Packages call it when they are built.",
		Example: "  apexd man | man -l -",
		Hidden:  true,
		Args:    atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if len(args) == 0 {
				_, err := a.out.WriteString(manPage(root))
				return err
			}
			return a.writeManual(root, args[0])
		},
	}
}

func (a *app) writeManual(root *cobra.Command, dir string) error {
	var errs []error
	pages := 0
	for _, cmd := range documented(root) {
		path := filepath.Join(dir, manName(cmd)+".1")
		err := safefile.Replace(path, []byte(manPage(cmd)), 0o644)
		if errs = append(errs, err); err == nil {
			pages++
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return a.answer(map[string]int{"pages": pages}, "wrote %s to %s", plural(pages, "page"), dir)
}

// documented are root and the commands below it that people call.
func documented(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, cmd := range root.Commands() {
		if !cmd.Hidden && cmd.Name() != "help" {
			all = append(append(all, cmd), cmd.Commands()...)
		}
	}
	return all
}

// manName is "apexd-config-check" for "apexd config check", as git names its pages.
func manName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage is the manual page of c, in the macros of man(7).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	section := func(title, text string) {
		if text != "" {
			b.WriteString(".SH " + title + "\n" + text)
		}
	}
	fmt.Fprintf(&b, ".TH %s 1 \"\" %s \"User Commands\"\n", roffWord(strings.ToUpper(manName(c))), roffWord("apexd "+appVersion()))
	section("NAME", roff(manName(c)+" - "+strings.ToLower(c.Short[:1])+c.Short[1:])+"\n")
	section("SYNOPSIS", ".B "+roffWord(c.UseLine())+"\n")
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	section("DESCRIPTION", paragraphs(long))
	section("OPTIONS", options(c.LocalFlags().FlagUsages()))
	section("GLOBAL OPTIONS", options(c.InheritedFlags().FlagUsages()))
	section("EXAMPLES", preformatted(c.Example))
	section("SEE ALSO", seeAlso(c))
	return b.String()
}

// seeAlso refers from the program to its verbs, and back.
func seeAlso(c *cobra.Command) string {
	if c.HasParent() {
		return ".BR apexd (1)\n"
	}
	var names []string
	for _, cmd := range documented(c)[1:] {
		names = append(names, ".BR "+roffWord(manName(cmd))+" (1)")
	}
	return strings.Join(names, ",\n") + "\n"
}

// paragraphs is text with its blank lines as paragraphs; one whose lines are indented stays as it is.
func paragraphs(text string) string {
	var b strings.Builder
	for i, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		if strings.HasPrefix(p, "  ") {
			b.WriteString(preformatted(p))
		} else {
			b.WriteString(roff(strings.ReplaceAll(p, "\n", " ")) + "\n")
		}
	}
	return b.String()
}

// options are the lines of pflag's FlagUsages, "  -n, --lines N   only the last N", each as a tagged paragraph.
func options(usages string) string {
	var b strings.Builder
	for line := range strings.Lines(usages) {
		flag, text, _ := strings.Cut(strings.TrimSpace(line), "   ")
		b.WriteString(".TP\n.B " + roffWord(flag) + "\n" + roff(strings.TrimSpace(text)) + "\n")
	}
	return b.String()
}

// preformatted is text whose lines and blanks stay.
func preformatted(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return ".nf\n" + roff(strings.Trim(text, "\n")) + "\n.fi\n"
}

// roff is text in which nothing is a request or an escape (groff(7)): a backslash, a hyphen that is to be copied as one, and a period or quote at the beginning of a line.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// roffWord is text as one argument of a macro.
func roffWord(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }
