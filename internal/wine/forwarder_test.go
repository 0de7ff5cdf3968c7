package wine_test

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"testing"

	"github.com/moor-net/moor/internal/wine"
)

// An export whose address lies inside the export directory is a forwarder:
// the address is that of its target's name.
func TestForwarderExportsOneForwarder(t *testing.T) {
	image := wine.Forwarder("some.dll", "Function", "other.Target")
	f, err := pe.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || f.Characteristics&pe.IMAGE_FILE_DLL == 0 {
		t.Errorf("machine %#x, characteristics %#x, want a DLL for x86-64", f.Machine, f.Characteristics)
	}
	header := f.OptionalHeader.(*pe.OptionalHeader64)
	if len(f.Sections) != 1 {
		t.Fatalf("%d sections, want 1", len(f.Sections))
	}
	data, err := f.Sections[0].Data()
	if err != nil {
		t.Fatal(err)
	}
	start := f.Sections[0].VirtualAddress
	if end := start + f.Sections[0].VirtualSize; header.SizeOfImage < end || header.SizeOfImage%header.SectionAlignment != 0 {
		t.Errorf("the image has %#x bytes, the section ends at %#x", header.SizeOfImage, end)
	}
	long := func(rva uint32) uint32 { return binary.LittleEndian.Uint32(data[rva-start:]) }
	text := func(rva uint32) string {
		s, _, _ := bytes.Cut(data[rva-start:], []byte{0})
		return string(s)
	}
	dir := header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT]
	field := func(i uint32) uint32 { return long(dir.VirtualAddress + 4*i) }
	if name := text(field(3)); name != "some.dll" {
		t.Errorf("the DLL's name is %q", name)
	}
	if functions, names := field(5), field(6); functions != 1 || names != 1 {
		t.Fatalf("%d functions and %d names, want one of each", functions, names)
	}
	target, name, ordinal := long(field(7)), text(long(field(8))), long(field(9))&0xffff
	if name != "Function" || ordinal != 0 {
		t.Errorf("exported is %q as number %d", name, ordinal)
	}
	if target < dir.VirtualAddress || target >= dir.VirtualAddress+dir.Size {
		t.Fatalf("the function at %#x is no forwarder", target)
	}
	if got := text(target); got != "other.Target" {
		t.Errorf("forwards to %q", got)
	}
}
