package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/doctor"
	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/service"
)

// TestJSONIsDocumented: the tables of docs/json.md have the keys of what is printed, in that order, with their types, and no others.
func TestJSONIsDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(b), "\r\n", "\n")
	for name, printed := range map[string]any{
		"status": service.Status{}, "workload": service.Workload{}, "exit": service.Exit{}, "start": service.Started{}, "stop": service.Stopped{},
		"list": userDaemon{}, "history": history.Event{}, "doctor": diagnosis{}, "finding": doctor.Finding{}, "config": config.Value{}, "error": service.ErrorJSON{},
	} {
		_, rest, found := strings.Cut(page, "<!-- json: "+name+" -->\n")
		table, _, _ := strings.Cut(rest, "\n\n")
		if !found {
			t.Errorf("docs/json.md has no table %q", name)
			continue
		}
		var have []string
		for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
			cells := strings.SplitN(row, "|", 4)
			have = append(have, strings.TrimSpace(cells[1])+" "+strings.TrimSpace(cells[2]))
		}
		if want := keysOf(reflect.TypeOf(printed)); !reflect.DeepEqual(have, want) {
			t.Errorf("the table %q of docs/json.md has\n\t%s\nwant\n\t%s", name, strings.Join(have, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

// keysOf are the keys of a struct as JSON, without those of structs embedded in it, and the type of each.
func keysOf(s reflect.Type) []string {
	var keys []string
	for i := range s.NumField() {
		name, options, _ := strings.Cut(s.Field(i).Tag.Get("json"), ",")
		if s.Field(i).Anonymous || name == "-" {
			continue
		}
		typ := s.Field(i).Type
		end := ""
		if strings.Contains(options, "omitempty") {
			end = ", may be missing"
		} else if typ.Kind() == reflect.Pointer {
			end = " or null"
		}
		keys = append(keys, fmt.Sprintf("`%s` %s%s", name, jsonType(typ), end))
	}
	return keys
}

// jsonType is what a value of typ is in JSON.
func jsonType(typ reflect.Type) string {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ == reflect.TypeFor[time.Time]() {
		return "string"
	}
	switch typ.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "array"
	case reflect.Struct:
		return "object"
	case reflect.Interface:
		return "any"
	}
	return "number"
}
