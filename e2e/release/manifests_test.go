package release

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

var dist = flag.String("dist", "", "the `directory` that goreleaser has made, in place of testdata")

// manifests are those of what is looked at, by name.
func manifests(t *testing.T) map[string]string {
	t.Helper()
	root := cmp.Or(*dist, "testdata")
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := d.Name()
		wanted := strings.HasPrefix(name, "joshuaaferguson.apexd.") || name == "apexd.json" || name == "apexd.rb"
		if !wanted {
			return nil
		}
		b, err := os.ReadFile(path)
		found[name] = string(b)
		return err
	})
	if err != nil || len(found) != 5 {
		t.Fatalf("%v: %d manifests in %s, want 5", err, len(found), root)
	}
	return found
}

const (
	wingetVersion   = "joshuaaferguson.apexd.yaml"
	wingetInstaller = "joshuaaferguson.apexd.installer.yaml"
	wingetLocale    = "joshuaaferguson.apexd.locale.en-US.yaml"
)

// TestWinget: the three manifests keep the rules, and are of the same package.
func TestWinget(t *testing.T) {
	all := manifests(t)
	same := map[string]bool{}
	for name, kind := range map[string]string{wingetVersion: "version", wingetInstaller: "installer", wingetLocale: "defaultLocale"} {
		for _, bad := range wingetFaults(t, all[name], kind) {
			t.Errorf("%s: %s", name, bad)
		}
		doc := decode(t, all[name])
		same[doc["PackageIdentifier"].(string)+" "+doc["PackageVersion"].(string)] = true
	}
	if len(same) != 1 {
		t.Errorf("they are of %v", same)
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil { // JSON, too
		t.Fatal(err)
	}
	return doc
}

func wingetFaults(t *testing.T, text, kind string) []string {
	t.Helper()
	doc := decode(t, text)
	bad := broken(doc, wingetRules(kind))
	installers, _ := doc["Installers"].([]any)
	var architectures []any
	for _, one := range installers {
		one, _ := one.(map[string]any)
		bad = append(bad, broken(one, installerRules)...)
		architectures = append(architectures, one["Architecture"])
		files, _ := one["NestedInstallerFiles"].([]any)
		if len(files) != 1 {
			bad = append(bad, "it has to have one NestedInstallerFile") // of a portable program
		}
		for _, file := range files {
			file, _ := file.(map[string]any)
			bad = append(bad, broken(file, nestedRules)...)
		}
	}
	if kind == "installer" && !slices.Equal(architectures, []any{"x64", "arm64"}) {
		bad = append(bad, "it is not for x64 and arm64")
	}
	return bad
}

// TestWingetRules: what winget would refuse is found.
func TestWingetRules(t *testing.T) {
	all := manifests(t)
	for name, row := range map[string]struct{ file, kind, old, change string }{
		"an identifier without a dot": {wingetVersion, "version", "joshuaaferguson.apexd", "apexd"},
		"another type":                {wingetVersion, "version", "ManifestType: version", "ManifestType: singleton"},
		"a field that is unknown":     {wingetVersion, "version", "DefaultLocale:", "Color: red\nDefaultLocale:"},
		"no licence":                  {wingetLocale, "defaultLocale", "License: MIT\n", ""},
		"a short one":                 {wingetLocale, "defaultLocale", "License: MIT\n", "License: M\n"},
		"a long description":          {wingetLocale, "defaultLocale", "ShortDescription: ", "ShortDescription: " + strings.Repeat("x", 256)},
		"an address that is none":     {wingetLocale, "defaultLocale", "PackageUrl: https:", "PackageUrl: see https:"},
		"half a checksum":             {wingetInstaller, "installer", "InstallerSha256: ", "InstallerSha256: x"},
		"another machine":             {wingetInstaller, "installer", "Architecture: arm64", "Architecture: riscv"},
		"no program":                  {wingetInstaller, "installer", "- RelativeFilePath: apexd.exe\n", "- Other: x\n"},
	} {
		text := strings.Replace(all[row.file], row.old, row.change, 1)
		if text == all[row.file] {
			t.Fatalf("%s: there is no %q", name, row.old)
		}
		if bad := wingetFaults(t, text, row.kind); len(bad) == 0 {
			t.Errorf("%s: no fault", name)
		}
	}
}

// TestScoop: the manifest keeps the rules, and what Scoop would refuse is found.
func TestScoop(t *testing.T) {
	text := manifests(t)["apexd.json"]
	for _, bad := range scoopFaults(t, text) {
		t.Error(bad)
	}
	if !json.Valid([]byte(text)) {
		t.Error("it is no JSON")
	}
	for old, change := range map[string]string{`"license": "MIT"`: `"licence": "MIT"`, `"version": "`: `"version": "a b`, `"hash": "`: `"hash": "x`, `"64bit"`: `"x86_64"`, `"homepage": "https:`: `"homepage": "`} {
		if other := strings.Replace(text, old, change, 1); other == text || len(scoopFaults(t, other)) == 0 {
			t.Errorf("with %s: no fault", change)
		}
	}
}

func scoopFaults(t *testing.T, text string) []string {
	t.Helper()
	doc := decode(t, text)
	bad := broken(doc, scoopRules)
	of, _ := doc["architecture"].(map[string]any)
	for name, one := range of {
		if name != "64bit" && name != "arm64" {
			bad = append(bad, "no architecture "+name)
		}
		one, _ := one.(map[string]any)
		bad = append(bad, broken(one, scoopArchitectureRules)...)
	}
	if len(of) != 2 {
		bad = append(bad, "it is not for two architectures")
	}
	return bad
}

// TestRuby: Ruby reads the formula and the cask, and finds nothing to warn of.
func TestRuby(t *testing.T) {
	if err := exec.Command("ruby", "-e", "exit RUBY_VERSION >= '3.1'").Run(); err != nil { // f(x:), as Homebrew's own has it
		gate.Skip(t, "needs ruby 3.1: "+err.Error())
	}
	formula, err := os.ReadFile(filepath.Join("..", "..", ".github", "packaging", "apexd.rb"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"formula": string(formula), "cask": manifests(t)["apexd.rb"]} {
		if out := rubyFaults(text); out != "" {
			t.Errorf("%s: %s", name, out)
		}
		if rubyFaults(strings.Replace(text, "\nend", "\n", 1)) == "" {
			t.Errorf("%s: without an end: no fault", name)
		}
	}
}

// rubyFaults is what `ruby -wc` has against text.
func rubyFaults(text string) string {
	cmd := exec.Command("ruby", "-wc")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if said := strings.TrimSpace(string(out)); err != nil || said != "Syntax OK" {
		return said + "?"
	}
	return ""
}

// TestHomebrew: what `brew audit` wants of a description and of a cask's stanzas (docs.brew.sh, "Cask Cookbook", "Formula Cookbook"), and that nothing of macOS is run on Linux.
func TestHomebrew(t *testing.T) {
	cask := manifests(t)["apexd.rb"]
	formula, err := os.ReadFile(filepath.Join("..", "..", ".github", "packaging", "apexd.rb"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"formula": string(formula), "cask": cask} {
		m := regexp.MustCompile(`(?m)^  desc "(.*)"$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("%s: no desc", name)
		}
		if d := m[1]; len(d) > 80 || strings.HasSuffix(d, ".") || regexp.MustCompile(`(?i)^(an? |the |apexd)`).MatchString(d) {
			t.Errorf("%s: brew does not like %q", name, d)
		}
	}
	for _, stanza := range []string{"version ", "sha256 ", "url ", "name ", "homepage ", "binary "} {
		if !regexp.MustCompile(`(?m)^ +` + stanza + `"`).MatchString(cask) {
			t.Errorf("cask: no %s", stanza)
		}
	}
	if strings.Contains(cask, "on_linux") && strings.Contains(cask, "/usr/bin/xattr") && !strings.Contains(cask, "if OS.mac?") {
		t.Error("cask: xattr is run on Linux too, which has none there")
	}
}
