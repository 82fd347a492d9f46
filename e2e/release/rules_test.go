package release

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// rule is what a manager wants of one field.
type rule struct {
	optional bool
	least    int // characters
	most     int
	pattern  string
	oneOf    []string
	is       any // a list or object, which has rules of its own
}

// Texts of a winget manifest, as of its schemas 1.12.0 (microsoft/winget-cli, schemas/JSON/manifests/v1.12.0).
var (
	identifier = rule{most: 128, pattern: `^[^.\s\\/:*?"<>|]{1,32}(\.[^.\s\\/:*?"<>|]{1,32}){1,7}$`}
	version    = rule{most: 128, pattern: `^[^\\/:*?"<>|]+$`}
	locale     = rule{most: 20, pattern: `^[a-zA-Z]{2,3}(-[a-zA-Z]{1,8})*$`}
	address    = rule{most: 2048, pattern: `^https://.+$`} // http would do
	sum        = rule{pattern: `^[0-9a-fA-F]{64}$`}
	schema     = rule{oneOf: []string{"1.12.0"}}
)

// wingetRules are those of the manifests with this ManifestType. Fields that goreleaser does not write have none here.
func wingetRules(kind string) map[string]rule {
	all := map[string]rule{"PackageIdentifier": identifier, "PackageVersion": version, "ManifestType": {oneOf: []string{kind}}, "ManifestVersion": schema}
	more := map[string]map[string]rule{
		"version": {"DefaultLocale": locale},
		"defaultLocale": {
			"PackageLocale": locale, "Publisher": {least: 2, most: 256}, "PackageName": {least: 2, most: 256}, "PackageUrl": address, "License": {least: 3, most: 512}, "LicenseUrl": address,
			"ShortDescription": {least: 3, most: 256}, "Moniker": {least: 1, most: 40},
		},
		"installer": {
			"InstallerLocale": locale, "InstallerType": {oneOf: []string{"zip"}}, "ReleaseDate": {pattern: `^\d{4}-\d\d-\d\d$`}, "Installers": {is: []any{}},
		},
	}[kind]
	for field, r := range more {
		all[field] = r
	}
	return all
}

// installerRules are those of one of the Installers.
var installerRules = map[string]rule{
	"Architecture": {oneOf: []string{"x64", "arm64"}}, "NestedInstallerType": {oneOf: []string{"portable"}}, "NestedInstallerFiles": {is: []any{}}, "InstallerUrl": address, "InstallerSha256": sum,
	"UpgradeBehavior": {optional: true, oneOf: []string{"install", "uninstallPrevious", "deny"}},
}

// nestedRules are those of one of the NestedInstallerFiles.
var nestedRules = map[string]rule{"RelativeFilePath": {least: 1, most: 512}, "PortableCommandAlias": {optional: true, least: 1, most: 40}}

// scoopRules are those of a Scoop manifest (ScoopInstaller/Scoop, wiki "App Manifests", "Required Properties"; the pattern is its schema.json's).
var scoopRules = map[string]rule{
	"version": {pattern: `^[\w\-.+]+$`}, "description": {least: 1}, "homepage": address, "license": {oneOf: []string{"MIT"}}, "architecture": {is: map[string]any{}},
}

// scoopArchitectureRules are those of one architecture.
var scoopArchitectureRules = map[string]rule{"url": address, "hash": sum, "bin": {is: []any{}}}

// broken says which of the rules doc does not keep, a field without a rule included.
func broken(doc map[string]any, rules map[string]rule) []string {
	var bad []string
	for field, r := range rules {
		v, there := doc[field]
		if !there && !r.optional {
			bad = append(bad, "no "+field)
		}
		if why := r.against(v); there && why != "" {
			bad = append(bad, fmt.Sprintf("%s: %v %s", field, v, why))
		}
	}
	for field := range doc {
		if _, known := rules[field]; !known {
			bad = append(bad, "no rule for "+field)
		}
	}
	slices.Sort(bad)
	return bad
}

// against says what speaks against v, "" for nothing.
func (r rule) against(v any) string {
	if r.is != nil {
		if fmt.Sprintf("%T", v) != fmt.Sprintf("%T", r.is) {
			return fmt.Sprintf("is no %T", r.is)
		}
		return ""
	}
	s, text := v.(string)
	n := len([]rune(s))
	switch {
	case !text:
		return "is no text"
	case n < r.least || r.most > 0 && n > r.most:
		return fmt.Sprintf("has %d characters: want %d to %d", n, r.least, r.most)
	case r.pattern != "" && !regexp.MustCompile(r.pattern).MatchString(s):
		return "is not like " + r.pattern
	case r.oneOf != nil && !slices.Contains(r.oneOf, s):
		return "is none of " + strings.Join(r.oneOf, ", ")
	}
	return ""
}
