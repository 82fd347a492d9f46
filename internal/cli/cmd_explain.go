package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/docs"
)

func newExplainCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "explain [CODE]",
		Short:   "Explain an error by its code",
		Long:    "Explain what an error means and what to do, by the code that it has with --json; without one, list all codes. It is the page docs/errors.md, which apexd has with it.",
		Example: "  apexd explain START_FAILED\n  apexd explain",
		Args:    atMostOne,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return errorCodes(docs.Errors), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			page := errorSection(docs.Errors, "")
			if len(args) == 1 {
				page = errorSection(docs.Errors, strings.ToUpper(args[0]))
			}
			if page == "" {
				return usageError("there is no code "+quote(args[0]), `"apexd explain" lists them`)
			}
			_, err := io.WriteString(a.out, page)
			return err
		},
	}
}

// errorCodes are the codes that page, docs/errors.md, has a section for.
func errorCodes(page string) []string {
	var codes []string
	for line := range strings.Lines(page) {
		if code, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "## "); ok {
			codes = append(codes, code)
		}
	}
	return codes
}

// errorSection is what page says of code, for code "" what stands before the first section, with each link as its text; "" where there is no such section.
func errorSection(page, code string) string {
	parts := strings.Split(strings.ReplaceAll(page, "\r\n", "\n"), "\n## ")
	i := slices.IndexFunc(parts, func(p string) bool { return code != "" && strings.HasPrefix(p, code+"\n") })
	switch {
	case code == "":
		return unlinked(strings.TrimPrefix(parts[0], "# Errors\n\n")) + "\n"
	case i < 0:
		return ""
	}
	return unlinked(strings.TrimSpace(parts[i])) + "\n"
}

// unlinked is text with "[word](target)" as "word".
func unlinked(text string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "[")
		word, after, closed := strings.Cut(rest, "](")
		target, end, whole := strings.Cut(after, ")")
		if !ok || !closed || !whole || strings.ContainsAny(target, " \n") {
			return b.String() + text
		}
		b.WriteString(before + word)
		text = end
	}
}
