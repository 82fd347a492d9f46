package config

import (
	"strconv"
	"strings"
	"testing"
)

func TestParseEnv(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"empty", "", ""},
		{"comments and blanks", "# a\n\n  # b=c\n \t\n", ""},
		{"plain", "A=1\nB=two words \nC=\n", "A=1|B=two words|C="},
		{"no newline at the end", "A=1", "A=1"},
		{"CRLF and BOM", "\ufeffA=1\r\nB='x'\r\n", "A=1|B=x"},
		{"export", "export A=1\n export  B = 2\nexport=3\n", "A=1|B=2|export=3"},
		{"= in the value", "A=b=c==\n", "A=b=c=="},
		{"single quotes", `A='$b \n "c" #d'`, `A=$b \n "c" #d`},
		{"double quotes", `A="a\tb\"c\\n\$d\q #e"`, "A=a\tb\"c\\n$d\\q #e"},
		{"comment after quotes", "A='1' # one\nB=\"2\"# two\n", "A=1|B=2"},
		{"several lines", "A='1\n# 2\n3'\nB=\"4\r\n5\"\n", "A=1\n# 2\n3|B=4\n5"},
		{"nothing is expanded", "A=$HOME\nB=`x`\nC=~/y\n", "A=$HOME|B=`x`|C=~/y"},
		{"a hash within", "A=b#c\nB=#d\n", "A=b#c|B=#d"},
		{"quotes within", "A=it's\nB=5\"\n", "A=it's|B=5\""},
		{"twice", "A=1\nA=2\n", "A=1|A=2"},
	}
	for _, c := range cases {
		vars, problems := parseEnv("f", c.text)
		var got []string
		for _, v := range vars {
			got = append(got, v.name+"="+v.value)
		}
		if s := strings.Join(got, "|"); s != c.want || problems != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, s, problems, c.want)
		}
	}
}

func TestParseEnvLines(t *testing.T) {
	vars, problems := parseEnv("f", "A='1\n2'\nB=3\nsecret\nC=4\n")
	if len(vars) != 3 || vars[0].from.line != 1 || vars[1].from.line != 3 || vars[2].from.line != 5 || len(problems) != 1 || problems[0].Line != 4 {
		t.Errorf("%+v %+v", vars, problems)
	}
}

func TestParseEnvErrors(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"no =", "s3cret\n", "f:1: there is no ="},
		{"no name", "\n=s3cret\n", "f:2: a variable has no name"},
		{"space in the name", "A B=s3cret\n", "has a space"},
		{"open quote", "A='s3cret\n", "a ' is never closed"},
		{"open double quote", "A=\"s3cret\\\"\n", "a \" is never closed"},
		{"text after quotes", "A='s3cret'x\n", "text stands after"},
		{"unclear comment", "A=s3cret #x\n", "whether # begins a comment"},
		{"NUL", "A=s3cret\x00\n", "NUL"},
		{"variable of apexd", "APEX_LOG_FILE=s3cret\n", "set by apexd"},
	}
	for _, c := range cases {
		vars, problems := parseEnv("f", c.text)
		if len(problems) != 1 || len(vars) != 0 || !strings.Contains(problems[0].Error(), c.want) || problems[0].Fix == "" {
			t.Errorf("%s: %v, %v; want %q", c.name, vars, problems, c.want)
			continue
		}
		if strings.Contains(problems[0].Error()+problems[0].Fix, "s3cret") {
			t.Errorf("%s: the message tells the secret: %v", c.name, problems[0])
		}
	}
	if _, problems := parseEnv("f", strings.Repeat("x\n", 1000)); len(problems) != maxProblems {
		t.Errorf("%d problems", len(problems))
	}
}

func FuzzParseEnv(f *testing.F) {
	for _, s := range []string{"A=1\n", "export B='x\ny' # c\r\n", "A=\"\\", "=\n", "A", "\ufeff#\n\x00=1", "A='", "A=b #c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		vars, problems := parseEnv("f", s)
		for _, v := range vars {
			if checkEnv(v.name, v.value) != nil || v.from.line < 1 {
				t.Errorf("%q: %+v", s, v)
			}
		}
		if last := 1 + strings.Count(s, "\n"); len(problems) > 0 && problems[len(problems)-1].Line > last {
			t.Errorf("%q: a problem beyond line %s", s, strconv.Itoa(last))
		}
		if !strings.ContainsAny(s, "\x00\r") { // a value survives being written in quotes
			again, problems := parseEnv("f", "K='"+strings.ReplaceAll(s, "'", "")+"'\n")
			if problems != nil || len(again) != 1 || again[0].value != strings.ReplaceAll(s, "'", "") {
				t.Errorf("%q: %v, %v", s, again, problems)
			}
		}
	})
}
