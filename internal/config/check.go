package config

import (
	"errors"
	"slices"

	"github.com/joshuaaferguson/apexd/service"
)

// Check is Load of each of names, for all that is wrong with any of them in one error: what concerns several is said once. Two that have one record are wrong, too: of the second,
// that of the first would be told. Errors: those of Load.
func Check(in Input, names []string) (warnings []string, err error) {
	var (
		errs  []error
		owner = map[string]string{}
		all   Problems
	)
	for _, name := range names {
		in.Name = name
		c, err := Load(in)
		if err != nil {
			errs = append(errs, err)
			all = all.with(asProblems(err)...)
			continue
		}
		for _, w := range c.Warnings {
			if !slices.Contains(warnings, w) {
				warnings = append(warnings, w)
			}
		}
		if first, taken := owner[c.Spec.PIDFile]; taken {
			all = all.with(problemOf(c.recordFrom, "pidFile", fault{"the daemons " + first + " and " + name + " have this record, " + quoted(c.Spec.PIDFile), "give one of them another pidFile"}))
			continue
		}
		owner[c.Spec.PIDFile] = name
	}
	if len(errs) == 1 && len(all) == len(asProblems(errs[0])) { // with a code and a hint of its own
		return warnings, errs[0]
	}
	return warnings, all.err()
}

// with is ps and those of more that are not among them.
func (ps Problems) with(more ...Problem) Problems {
	for _, p := range more {
		if !slices.Contains(ps, p) {
			ps = append(ps, p)
		}
	}
	return ps
}

// asProblems are the single things that err, of Load, says.
func asProblems(err error) Problems {
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	p := Problem{Text: err.Error()}
	var e *service.Error
	if errors.As(err, &e) {
		p.Fix = e.Hint
	}
	return Problems{p}
}
