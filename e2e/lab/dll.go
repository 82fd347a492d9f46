package main

import (
	"bytes"
	"encoding/binary"
)

// bcryptPrimitives returns bcryptprimitives.dll: a PE32+ library without code whose one export, ProcessPrng, forwards to
// advapi32.SystemFunction036 (RtlGenRandom). Go programs need it since Go 1.22 (golang.org/issue/53192) and Wine has it only from 8.2 on:
// with such a Wine this can go.
func bcryptPrimitives() []byte {
	const (
		headers = 0x200  // bytes of all headers, one file alignment unit
		rva     = 0x1000 // where the only section is mapped
	)
	section := exportSection(rva, "bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036")
	var b bytes.Buffer
	le := func(vs ...any) {
		for _, v := range vs {
			_ = binary.Write(&b, binary.LittleEndian, v) // a bytes.Buffer does not fail
		}
	}
	pad := func(n int) { b.Write(make([]byte, n-b.Len())) }

	// DOS header: its magic and the offset of the PE header.
	b.WriteString("MZ")
	pad(0x3c)
	le(uint32(0x40))
	// PE signature and COFF header: AMD64, 1 section, optional header of 240 bytes, EXECUTABLE|LARGE_ADDRESS_AWARE|DLL.
	b.WriteString("PE\x00\x00")
	le(uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))
	// Optional header, PE32+: linker version, sizes of code and data, entry point (none), base of code.
	le(uint16(0x20b), uint8(14), uint8(0), uint32(0), uint32(headers), uint32(0), uint32(0), uint32(rva))
	// Image base, alignments, OS 6.0, image 0.0, subsystem 6.0, reserved, image size, header size, checksum.
	le(uint64(0x1_8000_0000), uint32(0x1000), uint32(0x200), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0),
		uint32(0), uint32(2*0x1000), uint32(headers), uint32(0))
	// Subsystem console, NX|DYNAMIC_BASE|HIGH_ENTROPY_VA, stack and heap sizes, loader flags, 16 directories: the first is the exports.
	le(uint16(3), uint16(0x160), uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16))
	le(uint32(rva), uint32(len(section)), make([]byte, 15*8))
	// Section header: .edata, initialised data, readable.
	b.WriteString(".edata\x00\x00")
	le(uint32(len(section)), uint32(rva), uint32(0x200), uint32(headers), make([]byte, 12), uint32(0x4000_0040))
	pad(headers)
	b.Write(section)
	pad(headers + 0x200)
	return b.Bytes()
}

// exportSection is an export directory with one name. The address of an export that points into the directory itself is a forwarder: it
// names another library's function instead of code.
func exportSection(rva uint32, library, name, forward string) []byte {
	const tables = 40                     // after the directory: one address, one name pointer, one ordinal
	libraryAt := rva + tables + 4 + 4 + 2 //
	nameAt := libraryAt + uint32(len(library)) + 1
	forwardAt := nameAt + uint32(len(name)) + 1
	var b bytes.Buffer
	for _, v := range []any{
		uint32(0), uint32(0), uint32(0), libraryAt, uint32(1), // flags, time, version, library, first ordinal
		uint32(1), uint32(1), rva + tables, rva + tables + 4, rva + tables + 8, // counts; addresses, names, ordinals
		forwardAt, nameAt, uint16(0),
	} {
		_ = binary.Write(&b, binary.LittleEndian, v)
	}
	for _, s := range []string{library, name, forward} {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.Bytes()
}
