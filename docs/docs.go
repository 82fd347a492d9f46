// Package docs has the pages that apexd itself can show, as they stand here.
package docs

import _ "embed" // errors.md

// Errors is errors.md: an introduction with a table, and a section "## CODE" for each code.
//
//go:embed errors.md
var Errors string
