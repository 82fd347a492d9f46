package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"testing"
)

// TestBcryptPrimitives follows the tables of the library as a loader does, from the header to the forwarder.
func TestBcryptPrimitives(t *testing.T) {
	f, err := pe.NewFile(bytes.NewReader(bcryptPrimitives()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || f.Characteristics&pe.IMAGE_FILE_DLL == 0 {
		t.Errorf("machine %#x, characteristics %#x: not a 64-bit DLL", f.Machine, f.Characteristics)
	}
	exports := f.OptionalHeader.(*pe.OptionalHeader64).DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	section := f.Sections[0]
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	u32 := func(rva uint32) uint32 { return binary.LittleEndian.Uint32(data[rva-section.VirtualAddress:]) }
	text := func(rva uint32) string {
		s, _, _ := bytes.Cut(data[rva-section.VirtualAddress:], []byte{0})
		return string(s)
	}
	dir := exports.VirtualAddress
	if library := text(u32(dir + 12)); library != "bcryptprimitives.dll" {
		t.Errorf("library %q", library)
	}
	if n, names := u32(dir+20), u32(dir+24); n != 1 || names != 1 {
		t.Errorf("%d functions, %d names, want 1 and 1", n, names)
	}
	if name := text(u32(u32(dir + 32))); name != "ProcessPrng" {
		t.Errorf("export %q", name)
	}
	target := u32(u32(dir + 28))
	if target < dir || target >= dir+exports.Size {
		t.Errorf("the export at %#x is outside the directory, so a loader would call it as code", target)
	}
	if forward := text(target); forward != "advapi32.SystemFunction036" {
		t.Errorf("forwards to %q", forward)
	}
}
