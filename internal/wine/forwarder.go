package wine

import (
	"bytes"
	"encoding/binary"
)

// Forwarder returns a DLL for x86-64 without any code: it exports one function
// and has the loader look for it in another DLL, target, which reads
// "dll.function". The layout follows "PE Format", learn.microsoft.com.
func Forwarder(name, function, target string) []byte {
	edata := exports(name, function, target)
	var image bytes.Buffer
	put := func(v any) { binary.Write(&image, binary.LittleEndian, v) }

	// The MS-DOS header: only its first and last fields are looked at.
	image.WriteString("MZ")
	image.Write(make([]byte, 58))
	put(uint32(64)) // where the signature is
	image.WriteString("PE\x00\x00")
	put(fileHeader{
		Machine:         0x8664, // x86-64
		Sections:        1,
		OptionalSize:    uint16(binary.Size(optionalHeader{})),
		Characteristics: 0x2022, // an image, large addresses, a DLL
	})
	optional := optionalHeader{
		Magic:               0x20b, // PE32+
		Data:                uint32(align(len(edata), fileAlignment)),
		Base:                0x180000000,
		SectionAlignment:    sectionAlignment,
		FileAlignment:       fileAlignment,
		OSMajor:             6,
		SubsystemMajor:      6,
		ImageSize:           uint32(sectionAlignment + align(len(edata), sectionAlignment)),
		HeadersSize:         fileAlignment,
		Subsystem:           3,      // console; a DLL's does not matter
		DLLCharacteristics:  0x0160, // anywhere in 64 bits of address space, no execution of data
		StackReserve:        1 << 20,
		StackCommit:         1 << 12,
		HeapReserve:         1 << 20,
		HeapCommit:          1 << 12,
		NumberOfDirectories: 16,
	}
	optional.Directories[0] = directory{sectionAlignment, uint32(len(edata))} // exports
	put(optional)
	put(section{
		Name:            [8]byte{'.', 'e', 'd', 'a', 't', 'a'},
		Size:            uint32(len(edata)),
		Address:         sectionAlignment,
		FileSize:        uint32(align(len(edata), fileAlignment)),
		FileOffset:      fileAlignment,
		Characteristics: 0x40000040, // initialized data, readable
	})
	image.Write(make([]byte, fileAlignment-image.Len()))
	image.Write(edata)
	image.Write(make([]byte, align(len(edata), fileAlignment)-len(edata)))
	return image.Bytes()
}

// exports is the section with the export directory and what it refers to. An
// address inside of it that stands for a function is that of the forwarder's
// string.
func exports(name, function, target string) []byte {
	const (
		functions = 40 // after the directory table
		names     = functions + 4
		ordinals  = names + 4
		strings   = ordinals + 4
	)
	dll := strings
	symbol := dll + len(name) + 1
	forwarder := symbol + len(function) + 1
	rva := func(offset int) uint32 { return uint32(sectionAlignment + offset) }
	var b bytes.Buffer
	for _, field := range []uint32{
		0, 0, 0, // flags, time, version
		rva(dll),
		1, 1, 1, // first ordinal, number of functions, of names
		rva(functions), rva(names), rva(ordinals),
		rva(forwarder), // the table of functions
		rva(symbol),    // the table of names
		0,              // the table of ordinals: one, two bytes, and two to fill up
	} {
		binary.Write(&b, binary.LittleEndian, field)
	}
	for _, s := range []string{name, function, target} {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.Bytes()
}

const (
	sectionAlignment = 0x1000
	fileAlignment    = 0x200
)

func align(n, to int) int { return (n + to - 1) / to * to }

// fileHeader is the COFF file header.
type fileHeader struct {
	Machine         uint16
	Sections        uint16
	Time            uint32
	Symbols         uint32
	SymbolCount     uint32
	OptionalSize    uint16
	Characteristics uint16
}

// optionalHeader is the optional header of a PE32+ image.
type optionalHeader struct {
	Magic                    uint16
	LinkerMajor, LinkerMinor uint8
	Code, Data, BSS          uint32
	Entry, CodeBase          uint32
	Base                     uint64
	SectionAlignment         uint32
	FileAlignment            uint32
	OSMajor, OSMinor         uint16
	ImageMajor, ImageMinor   uint16
	SubsystemMajor           uint16
	SubsystemMinor           uint16
	Win32Version             uint32
	ImageSize, HeadersSize   uint32
	Checksum                 uint32
	Subsystem                uint16
	DLLCharacteristics       uint16
	StackReserve             uint64
	StackCommit              uint64
	HeapReserve              uint64
	HeapCommit               uint64
	LoaderFlags              uint32
	NumberOfDirectories      uint32
	Directories              [16]directory
}

type directory struct{ Address, Size uint32 }

// section is an entry of the section table.
type section struct {
	Name                     [8]byte
	Size, Address            uint32
	FileSize, FileOffset     uint32
	Relocations, LineNumbers uint32
	RelocationCount          uint16
	LineNumberCount          uint16
	Characteristics          uint32
}
