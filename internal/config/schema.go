package config

import (
	"encoding/json"
	"slices"
	"strings"
)

const schemaID = "https://raw.githubusercontent.com/joshuaaferguson/apexd/main/docs/config.schema.json"

type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of .apex/config.yaml, for editors. It accepts what Load accepts; what it cannot say is
// listed in docs/config.md.
func Schema() []byte {
	root := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"$id":         schemaID,
		"title":       ".apex/config.yaml",
		"description": "The sections that apexd reads. Other sections belong to APEX and may hold anything.",
		"type":        []string{"object", "null"},
		"properties": object{
			mainSection: object{"$ref": "#/$defs/daemon", "description": "The project's first daemon, called daemon."},
			othersSection: object{
				"description": "Further daemons of the project, chosen with --name.",
				"type":        []string{"object", "null"},
				"propertyNames": object{
					"pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$",
					"not":     object{"const": "config"},
				},
				"additionalProperties": object{"$ref": "#/$defs/daemon"},
			},
		},
		"not": object{
			"type":       "object",
			"required":   []string{mainSection, othersSection},
			"properties": object{othersSection: object{"type": "object", "required": []string{mainSection}}},
		},
		"$defs": object{"daemon": daemonSchema()},
	}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("internal error: the schema is not JSON: " + err.Error()) // it is made of strings, numbers and maps
	}
	return append(b, '\n')
}

// daemonSchema is a section.
func daemonSchema() object {
	var d draft
	d.defaults()
	all := object{}
	for _, name := range names("") {
		if i := keyIndex(name); i >= 0 {
			all[name] = keys[i].schema(&d)
		} else {
			all[name] = groupSchema(&d, name)
		}
	}
	return object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": all}
}

func groupSchema(d *draft, group string) object {
	props, short := object{}, -1
	for _, name := range names(group + ".") {
		i := keyIndex(group + "." + name)
		props[name] = keys[i].schema(d)
		if keys[i].short == group {
			short = i
		}
	}
	s := object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": props}
	if group == "readiness" {
		s["allOf"] = readinessRules()
	}
	if short < 0 {
		return s
	}
	return object{"description": keys[short].doc, "anyOf": []any{object{"enum": shortWords(short)}, s}}
}

// shortWords are the values of the short form: not those that need another key beside them.
func shortWords(i int) []string {
	var out []string
	for _, w := range keys[i].words {
		needs := false
		for j := range keys {
			needs = needs || keys[j].need && contains(keys[j].only, w)
		}
		if !needs {
			out = append(out, w)
		}
	}
	return out
}

// readinessRules say which keys go with which type, and with each other where the type follows from them.
func readinessRules() []any {
	var rules []any
	for i := range keys {
		k := &keys[i]
		if k.only == nil {
			continue
		}
		name := strings.TrimPrefix(k.path, "readiness.")
		is := object{"required": []string{"type"}, "properties": object{"type": object{"enum": k.only}}}
		rules = append(rules, object{"if": object{"required": []string{name}}, "then": object{"anyOf": []any{is, k.implied()}}})
		if k.need {
			rules = append(rules, object{"if": is, "then": object{"required": []string{name}}})
		}
	}
	return rules
}

// implied is a readiness of k without a type: nothing of another type, and something that says which, if k does not.
func (k *key) implied() object {
	others, tells := []any{object{"required": []string{"type"}}}, []any{}
	for i := range keys {
		x := &keys[i]
		has := object{"required": []string{strings.TrimPrefix(x.path, "readiness.")}}
		switch {
		case x.only == nil:
		case !slices.ContainsFunc(x.only, func(t string) bool { return contains(k.only, t) }):
			others = append(others, has)
		case len(x.only) == 1:
			tells = append(tells, has)
		}
	}
	s := object{"not": object{"anyOf": others}}
	if len(k.only) > 1 {
		s["anyOf"] = tells
	}
	return s
}

// schema is what may be written for k.
func (k *key) schema(d *draft) object {
	s := k.valueSchema()
	s["description"] = strings.ReplaceAll(k.doc, "`", "")
	if k.named() || k.def != "" {
		return s
	}
	if v := k.show(k.at(d)); v != "" {
		s["default"] = v
	}
	return s
}

const noNUL = `^[^\x00]*$`

func (k *key) valueSchema() object {
	switch k.kind {
	case kindCommand:
		return commandSchema()
	case kindEnvironment:
		return object{
			"type":                 []string{"object", "null"},
			"propertyNames":        object{"pattern": `^[^=\x00-\x20\x7f]+$`, "not": object{"enum": reservedEnv}},
			"additionalProperties": object{"type": []string{"string", "number", "boolean"}, "pattern": noNUL},
		}
	case kindSockets:
		return socketsSchema()
	case kindPath:
		return object{"type": "string", "pattern": `^[^~\x00][^\x00]*$`}
	case kindPassed:
		return object{"type": []string{"string", "number"}, "pattern": `^[^\x00-][^\x00]*$`, "minimum": 0}
	case kindWord:
		return object{"enum": k.words}
	case kindSignal:
		return object{"enum": k.signals()}
	case kindBool:
		return object{"type": "boolean"}
	case kindInteger, kindNumber:
		s := object{"type": "integer", "minimum": k.least, "maximum": k.most}
		if k.kind == kindNumber {
			s["type"] = "number"
		}
		return s
	}
	return k.textSchema()
}

// textSchema is for what is mostly text with a pattern.
func (k *key) textSchema() object {
	switch k.kind {
	case kindDuration:
		s := object{"type": "string", "pattern": durationPattern}
		if k.least > 0 {
			return s
		}
		return object{"anyOf": []any{s, object{"const": 0}}}
	case kindSize:
		return object{"type": []string{"string", "integer"}, "pattern": sizePattern, "minimum": k.least, "maximum": k.most}
	case kindURL:
		return object{"type": "string", "pattern": `^[Hh][Tt][Tt][Pp][Ss]?://[^\s]+$`}
	case kindAddress:
		return object{"type": []string{"string", "integer"}, "pattern": `^([^\s/@]+:)?[0-9]+$`, "minimum": 1, "maximum": 65535}
	case kindLoopback:
		return object{"type": "string", "pattern": `^(127\.[0-9.]+|localhost|\[[0-9A-Fa-f:.]+\]):[0-9]+$`}
	case kindListen:
		return object{"type": []string{"string", "integer"}, "pattern": listenPattern, "minimum": 0, "maximum": 65535}
	case kindMode:
		return object{"type": []string{"string", "integer"}, "pattern": modePattern, "minimum": 0, "maximum": 777}
	default:
		return object{"type": "string", "minLength": 1, "pattern": noNUL}
	}
}

func commandSchema() object {
	word := object{"type": []string{"string", "number", "boolean"}, "pattern": noNUL}
	first := object{"type": []string{"string", "number", "boolean"}, "pattern": noNUL, "minLength": 1}
	return object{"anyOf": []any{
		object{"type": "array", "minItems": 1, "prefixItems": []any{first}, "items": word},
		object{"type": "string", "allOf": []any{
			object{"pattern": commandPattern},
			object{"pattern": `\S`},
			object{"pattern": noNUL},
			object{"not": object{"pattern": assignmentPattern}},
		}},
	}}
}

// signals are all ways to write a signal.
func (k *key) signals() []any {
	var out []any
	for _, w := range k.words {
		if out = append(out, w); w != noSignal {
			out = append(out, "SIG"+w)
		}
	}
	for i, n := range signalNumbers {
		if contains(k.words, n.name) {
			out = append(out, json.Number(signalNumbers[i].number))
		}
	}
	return out
}
