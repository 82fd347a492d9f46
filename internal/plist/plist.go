// Package plist writes and reads property lists in XML, by howett.net/plist, and refuses what XML cannot carry, which that library, like encoding/xml, would replace silently.
// It is linked only where launchd is (install), so that no other system's commands pay for its initialisation.
package plist

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"howett.net/plist"
)

// Encode is v, a struct with `plist` tags, as an XML property list, its keys in the order of the alphabet. Errors: a string that XML 1.0 has no characters for, named.
func Encode(v any) (string, error) {
	if err := check(reflect.ValueOf(v), ""); err != nil {
		return "", err
	}
	b, err := plist.MarshalIndent(v, plist.XMLFormat, "\t")
	if err != nil {
		return "", err
	}
	return string(b) + "\n", nil
}

// Decode reads a property list, in any of the formats that macOS reads, into v. It does not panic.
func Decode(text string, v any) error {
	_, err := plist.Unmarshal([]byte(text), v)
	return err
}

// check looks at every string of v, at is what it is called.
func check(v reflect.Value, at string) error {
	switch v.Kind() {
	case reflect.String:
		return checkText(at, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return check(v.Elem(), at)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := check(v.Index(i), fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if err := check(k, at+"'s name"); err != nil {
				return err
			}
			if err := check(v.MapIndex(k), at+"."+k.String()); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := check(v.Field(i), v.Type().Field(i).Name); err != nil {
				return err
			}
		}
	default: // numbers and truth values are no text
	}
	return nil
}

func checkText(at, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is %q: a property list has only text in UTF-8", at, s)
	}
	for _, r := range s {
		if !inXML(r) {
			return fmt.Errorf("%s is %q: a property list cannot have the character %U", at, s, r)
		}
	}
	return nil
}

// inXML reports whether XML 1.0 has r (section 2.2, Char).
func inXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}
