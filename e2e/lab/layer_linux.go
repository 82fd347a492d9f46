package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// packages are the Debian packages that k needs in its world and a machine with another init has not. Their files are laid over the copy of the host's: nothing is
// installed, no script of theirs runs.
func (k initKind) packages() []string {
	switch k {
	case initOpenRC:
		return []string{"openrc", "insserv", "sysvinit-core"}
	case initSysV:
		return []string{"sysvinit-core", "initscripts", "sysv-rc", "startpar", "insserv"}
	case initRunit:
		return []string{"runit"}
	case initS6:
		return []string{"s6", "execline"}
	case initBusyBox:
		return []string{"busybox"}
	}
	return nil
}

// layer returns the directory with the files of k's packages, which it makes first where it is missing (some seconds, and needs the archive that apt uses).
func layer(k initKind) (string, error) {
	system, err := distribution()
	if err != nil {
		return "", err
	}
	sum := crc32.ChecksumIEEE([]byte(strings.Join(k.packages(), " "))) // another list makes another layer
	dir, err := cached(fmt.Sprintf("%s-%s-%08x", k, system, sum), func(dir string) error {
		fmt.Fprintf(os.Stderr, "lab: fetching %s (once)\n", strings.Join(k.packages(), ", "))
		return unpack(dir, k.packages())
	})
	return filepath.Join(dir, "files"), err
}

// distribution names the host's release and architecture: "debian12-amd64". os-release(5)
func distribution() (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	arch, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		return "", fmt.Errorf("%w: the packages of this world are Debian's", err)
	}
	var id, version string
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		key, value, _ := strings.Cut(sc.Text(), "=")
		switch key {
		case "ID":
			id = strings.Trim(value, `"`)
		case "VERSION_ID":
			version = strings.Trim(value, `"`)
		}
	}
	return filepath.Base(id + version + "-" + strings.TrimSpace(string(arch))), nil
}

// unpack puts the files of packages, and of libraries that they need and the host has not, into dir/files.
func unpack(dir string, packages []string) error {
	archives, files := filepath.Join(dir, "archives"), filepath.Join(dir, "files")
	if err := errors.Join(os.Mkdir(archives, 0o755), os.Mkdir(files, 0o755)); err != nil {
		return err
	}
	a := apt{dir: archives}
	if err := a.download(packages); err != nil {
		return err
	}
	undo, err := mergedUsr(files)
	if err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		if err := extract(deb, files); err != nil {
			return fmt.Errorf("extract %s: %w", filepath.Base(deb), err)
		}
	}
	return errors.Join(undo(), os.RemoveAll(archives))
}

// apt fetches packages without root's databases being changed.
type apt struct {
	dir  string
	args []string // before each verb
}

// download puts packages and their libraries into the directory. When the host's lists are older than the archive it does so by lists of its own.
func (a *apt) download(packages []string) error {
	err := a.fetch(packages)
	if err == nil {
		return nil
	}
	lists := filepath.Join(a.dir, "lists")
	if e := os.MkdirAll(filepath.Join(lists, "partial"), 0o755); e != nil {
		return errors.Join(err, e)
	}
	a.args = []string{"-o", "Dir::State::lists=" + lists, "-o", "Dir::Cache=" + a.dir}
	_, update := a.run("apt-get", "update") // a source that does not answer may not matter
	if e := a.fetch(packages); e != nil {
		return errors.Join(e, update)
	}
	return nil
}

func (a *apt) fetch(packages []string) error {
	libraries, err := a.libraries(packages)
	if err != nil {
		return err
	}
	_, err = a.run("apt-get", append([]string{"download"}, append(libraries, packages...)...)...)
	return err
}

// libraries are those that packages need, directly or through others of them, and that are not installed.
func (a *apt) libraries(packages []string) ([]string, error) {
	var missing []string
	for todo := slices.Clone(packages); len(todo) > 0; {
		out, err := a.run("apt-cache", append([]string{"depends", "--important"}, todo...)...)
		if err != nil {
			return nil, err
		}
		todo = nil
		for line := range strings.Lines(out) {
			name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: ")
			if !ok || !strings.HasPrefix(name, "lib") || slices.Contains(missing, name) {
				continue
			}
			if state, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output(); err == nil && string(state) == "installed" {
				continue
			}
			missing, todo = append(missing, name), append(todo, name)
		}
	}
	return missing, nil
}

func (a *apt) run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, slices.Concat([]string{"-q"}, a.args, args)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return string(out), err
}

// mergedUsr makes the links in dir that the host has from / into /usr, so that what packages have in /sbin lands where the host has it: a directory in the layer
// would hide the host's link. undo takes them away again.
func mergedUsr(dir string) (undo func() error, err error) {
	var made []string
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		target, err := os.Readlink("/" + name)
		if err != nil {
			continue // a directory, or nothing
		}
		if err := os.MkdirAll(filepath.Join(dir, target), 0o755); err != nil {
			return nil, err
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		made = append(made, filepath.Join(dir, name))
	}
	return func() error { return remove(made...) }, nil
}

// extract unpacks one package.
func extract(deb, dir string) error {
	from, to := exec.Command("dpkg-deb", "--fsys-tarfile", deb), exec.Command("tar", "-x", "-p", "--keep-directory-symlink", "-C", dir)
	pipe, err := from.StdoutPipe()
	if err != nil {
		return err
	}
	to.Stdin = pipe
	if err := from.Start(); err != nil {
		return err
	}
	out, err := to.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return errors.Join(err, from.Wait())
}

// addLayer puts the layer's files where the world's changes to the host's are kept, and hides what the host has in the directories of services. A lower directory
// of its own it cannot be: it lies in another, the host's. (The kernel's overlayfs.rst, "whiteouts and opaque directories", "sharing and copying layers".)
func addLayer(layer, up string) error {
	if err := os.MkdirAll(up, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", layer+"/.", up).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the layer: %w: %s", err, out)
	}
	for _, dir := range [...]string{"/etc/init.d", "/etc/runit", "/etc/sv"} {
		err := os.MkdirAll(up+dir, 0o755)
		if err == nil {
			err = unix.Setxattr(up+dir, "trusted.overlay.opaque", []byte("y"), 0)
		}
		if err != nil {
			return fmt.Errorf("hide the host's %s: %w", dir, err)
		}
	}
	return nil
}
