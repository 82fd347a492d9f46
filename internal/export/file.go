package export

import "strings"

// FileName is the name by which e, or its users, look for the document of the daemon with this key.
func FileName(e Engine, key string) string {
	switch e {
	case Kubernetes:
		return key + ".yaml"
	case Nomad:
		return key + ".nomad.hcl"
	case Quadlet:
		return key + ".container"
	}
	return "compose.yaml" // compose-spec, "The Compose file": what docker compose reads unasked
}

// SameDaemon reports whether old was made by Render for the daemon and the engine that text was made for: the first line names both.
func SameDaemon(old, text string) bool {
	a, _, _ := strings.Cut(old, "\n")
	b, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(a, "\r") == b
}
