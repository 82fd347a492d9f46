package winproc

import (
	"slices"
	"testing"
)

func TestPrograms(t *testing.T) {
	const usual = ".COM;.EXE;.BAT;.CMD;.VBS;.JS;.MSC"
	tests := []struct {
		name, path, pathExt string
		want                []string
	}{
		{"bare", "npm", usual, []string{"npm.com", "npm.exe", "npm.bat", "npm.cmd"}},
		{"its order", "npm", ".CMD;.EXE", []string{"npm.cmd", "npm.exe"}},
		{"no PATHEXT", "npm", "", []string{"npm.com", "npm.exe", "npm.bat", "npm.cmd"}},
		{"only scripts", "npm", ".PY;.JS", []string{"npm.com", "npm.exe", "npm.bat", "npm.cmd"}},
		{"untidy", "npm", "; .EXE;.exe;;", []string{"npm.exe"}},
		{"with extension", "node.exe", ".EXE", []string{"node.exe", "node.exe.exe"}},
		{"upper case", "NODE.EXE", ".EXE", []string{"NODE.EXE", "NODE.EXE.exe"}},
		{"another extension", "app.v2", ".EXE", []string{"app.v2.exe", "app.v2"}},
		{"a path", "./bin/app", ".EXE", []string{"./bin/app.exe"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Programs(tt.path, tt.pathExt); !slices.Equal(got, tt.want) {
				t.Errorf("Programs = %q, want %q", got, tt.want)
			}
		})
	}
}
