package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

var update = flag.Bool("update", false, "write docs/config.schema.json and the table in docs/config.md")

// write puts text into the file name (with slashes) below dir and returns its path.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// projectWith is a project whose configuration is text.
func projectWith(t testing.TB, text string) string {
	t.Helper()
	dir := testenv.TempDir(t)
	write(t, dir, ".apex/config.yaml", text)
	return dir
}

func env(kv ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == name {
				return kv[i+1], true
			}
		}
		return "", false
	}
}

func mustLoad(t *testing.T, in Input) *Config {
	t.Helper()
	c, err := Load(in)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// value is the Value of key in c, and its source with dir cut off.
func value(t *testing.T, c *Config, key, dir string) (any, string) {
	t.Helper()
	for _, v := range c.Values {
		if v.Key == key {
			return v.Value, filepath.ToSlash(strings.TrimPrefix(v.Source, dir))
		}
	}
	t.Fatalf("there is no value %q", key)
	return nil, ""
}

// wantError checks that err is a *service.Error with code and a hint, and that text is in it and hint in its hint.
func wantError(t *testing.T, err error, code service.Code, text, hint string) {
	t.Helper()
	var e *service.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("%T %v; want a *service.Error", err, err)
	case e.Code != code || !strings.Contains(err.Error(), text):
		t.Errorf("%s %v; want %s and %q", e.Code, err, code, text)
	case e.Hint == "" || !strings.Contains(e.Hint, hint):
		t.Errorf("%v: hint %q; want %q", err, e.Hint, hint)
	}
}
