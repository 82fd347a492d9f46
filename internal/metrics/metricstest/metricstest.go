// Package metricstest reads what Prometheus reads, as strictly as its format is described.
package metricstest

import (
	"fmt"
	"strings"
)

// Labels reads name="value",… with \\, \" and \n in the values.
func Labels(s string) (map[string]string, error) {
	labels := map[string]string{}
	for s != "" {
		name, rest, ok := strings.Cut(s, `="`)
		if !ok {
			return nil, fmt.Errorf("no label: %q", s)
		}
		var value strings.Builder
		for !strings.HasPrefix(rest, `"`) {
			if rest == "" {
				return nil, fmt.Errorf("value of %s has no end", name)
			}
			n := 1
			c := rest[0]
			if c == '\\' {
				decoded, known := map[string]byte{`\\`: '\\', `\"`: '"', `\n`: '\n'}[rest[:min(2, len(rest))]]
				if !known {
					return nil, fmt.Errorf("unknown escape: %q", rest)
				}
				c, n = decoded, 2
			}
			value.WriteByte(c)
			rest = rest[n:]
		}
		labels[name] = value.String()
		s = strings.TrimPrefix(rest[1:], ",")
	}
	return labels, nil
}
