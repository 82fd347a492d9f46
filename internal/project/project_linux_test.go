package project

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func TestPermissions(t *testing.T) {
	root := tree(t, "closed/.apex/config.yaml", "closed/sub/", "listed/.apex/", "listed/sub/", "hidden/.apex/config.yaml", "hidden/sub/")
	for path, mode := range map[string]os.FileMode{
		"": 0o711, "closed": 0o600, "hidden/.apex": 0o600, "listed/.apex": 0o311,
	} {
		p := filepath.Join(root, path)
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(p, 0o700) })
	}
	testenv.AsNobody(t, func() {
		_, _, err := Find(filepath.Join(root, "closed"), environ(), root, "")
		denied(t, "a project we cannot look into", err)
		denied(t, "a .apex we cannot look into", CheckDir(filepath.Join(root, "hidden")))
		for _, p := range []string{"hidden", "listed"} {
			if dir, src, err := Find("", environ(), filepath.Join(root, p, "sub"), ""); err != nil || src != SourceAncestor {
				t.Errorf("a %s .apex was passed over: %q, %v", p, dir, err)
			}
		}
		if dir, _, err := Find(root, environ(), "", ""); err != nil || dir != root {
			t.Errorf("a directory that can be searched but not listed was refused: %q, %v", dir, err)
		}
	})
}

func denied(t *testing.T, what string, err error) {
	t.Helper()
	var e *service.Error
	if !errors.As(err, &e) || e.Code != service.CodePermissionDenied || e.Hint == "" {
		t.Errorf("%s: %#v", what, err)
	}
}

func TestFindDoesNotBlock(t *testing.T) {
	root := tree(t, "a/b/")
	if err := syscall.Mkfifo(filepath.Join(root, "a", DirName), 0o666); err != nil {
		t.Fatal(err)
	}
	if dir, _, err := Find("", environ(), filepath.Join(root, "a/b"), ""); err != nil || dir != filepath.Join(root, "a/b") {
		t.Errorf("Find = %q, %v", dir, err)
	}
	checkDir(t, filepath.Join(root, "a"), "not a directory")
}
