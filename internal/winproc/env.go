package winproc

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
)

// LookupEnv returns the value of key in env, KEY=value strings. Names have no case and the last one wins.
func LookupEnv(env []string, key string) (value string, ok bool) {
	for _, kv := range env {
		if k, v := cutEnv(kv); strings.EqualFold(k, key) {
			value, ok = v, true
		}
	}
	return value, ok
}

// EnvBlock is env as CreateProcess wants it: sorted by name without regard to case, each string ended by a NUL and all of them by one more. Of names that
// differ in case only the last one's value wins; strings without a name are left out.
func EnvBlock(env []string) ([]uint16, error) {
	last := make(map[string]string, len(env))
	for _, kv := range env {
		if strings.IndexByte(kv, 0) >= 0 {
			return nil, errors.New("a variable of the environment has a NUL in it")
		}
		if k, _ := cutEnv(kv); k != "" {
			last[strings.ToUpper(k)] = kv
		}
	}
	names := make([]string, 0, len(last))
	for k := range last {
		names = append(names, k)
	}
	slices.Sort(names)
	block := []uint16{}
	for _, k := range names {
		block = append(appendString(block, last[k]), 0)
	}
	if len(block) == 0 {
		block = append(block, 0)
	}
	return append(block, 0), nil
}

func appendString(b []uint16, s string) []uint16 {
	for _, r := range s {
		b = utf16.AppendRune(b, r)
	}
	return b
}

// cutEnv splits a string at the first "=" that is not its first character: cmd.exe keeps the directory of each drive in variables such as "=C:".
func cutEnv(kv string) (key, value string) {
	if kv == "" {
		return "", ""
	}
	i := strings.IndexByte(kv[1:], '=')
	if i < 0 {
		return "", ""
	}
	return kv[:i+1], kv[i+2:]
}
