package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFiles: what the manifests name was built, has the checksum that they say, and holds the program.
func TestFiles(t *testing.T) {
	if *dist == "" {
		t.Skip("-dist names no directory that goreleaser has made")
	}
	all := manifests(t)
	cask := strings.ReplaceAll(all["apexd.rb"], "#{version}", decode(t, all["apexd.json"])["version"].(string))
	named := 0
	for text, pattern := range map[string]string{
		all[wingetInstaller]: `InstallerUrl: (\S+)\n +InstallerSha256: (\w+)`,
		all["apexd.json"]:    `(?s)"url": "([^"]+)".*?"hash": "(\w+)"`,
		swapped(cask):        `url "([^"]+)"\n +sha256 "(\w+)"`,
	} {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			named++
			checkArchive(t, filepath.Join(*dist, path.Base(m[1])), m[2])
		}
	}
	if want := 2 + 2 + 4; named != want {
		t.Errorf("%d files are named, want %d", named, want)
	}
}

// swapped is a cask with each url before its sha256.
func swapped(cask string) string {
	return regexp.MustCompile(`( +sha256 "\w+"\n)( +url "[^"]+"\n)`).ReplaceAllString(cask, "$2$1")
}

func checkArchive(t *testing.T, file, sum string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
		t.Errorf("%s has the checksum %x, and not %s", file, got, sum)
	}
	names, err := namesIn(file)
	program := map[bool]string{true: "apexd.exe", false: "apexd"}[strings.HasSuffix(file, ".zip")]
	if err != nil || !names[program] || !names["LICENSE"] {
		t.Errorf("%s: %v: %v", file, err, names)
	}
}

// namesIn are the files in a zip or tar.gz.
func namesIn(file string) (map[string]bool, error) {
	names := map[string]bool{}
	if strings.HasSuffix(file, ".zip") {
		z, err := zip.OpenReader(file)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		for _, f := range z.File {
			names[f.Name] = true
		}
		return names, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names[h.Name] = true
	}
}
