package stdnet

import (
	"go/parser"
	"go/token"
	"path"
	"runtime"
	"strings"
	"testing"
)

// wanted are tests that must not drop out: the behaviours that a replacement
// of package net is measured by.
var wanted = map[string][]string{
	"timeout_test.go": {"TestAcceptTimeout", "TestAcceptTimeoutMustReturn", "TestAcceptTimeoutMustNotReturn",
		"TestReadTimeout", "TestReadTimeoutMustNotReturn", "TestReadFromTimeout", "TestWriteTimeout",
		"TestWriteTimeoutMustNotReturn", "TestWriteToTimeout", "TestReadTimeoutFluctuation",
		"TestReadFromTimeoutFluctuation", "TestWriteTimeoutFluctuation", "TestVariousDeadlines",
		"TestVariousDeadlines1Proc", "TestVariousDeadlines4Proc", "TestReadWriteProlongedTimeout",
		"TestReadWriteDeadlineRace", "TestConcurrentSetDeadline", "TestDialTimeout", "TestDialTimeoutMaxDuration"},
	"net_test.go": {"TestCloseRead", "TestCloseWrite", "TestConnClose", "TestListenerClose", "TestPacketConnClose",
		"TestZeroByteRead", "TestReadTimeoutUnblocksRead", "TestCloseUnblocksRead", "TestCloseUnblocksReadUDP",
		"TestNotTemporaryRead"},
	"dial_test.go": {"TestDialLocal", "TestDialerLocalAddr", "TestCancelAfterDial", "TestDialListenerAddr",
		"TestDialerControl", "TestDialerControlContext", "TestDialContext", "TestDialWithNonZeroDeadline"},
	"error_test.go": {"TestDialError", "TestProtocolDialError", "TestDialAddrError", "TestListenError",
		"TestListenPacketError", "TestProtocolListenError", "TestCloseError", "TestAcceptError", "TestFileError"},
	"listen_test.go": {"TestTCPListener", "TestUDPListener", "TestDualStackTCPListener", "TestDualStackUDPListener",
		"TestClosingListener", "TestListenConfigControl", "TestWildWildcardListener"},
	"conn_test.go":       {"TestConnAndListener"},
	"packetconn_test.go": {"TestPacketConn", "TestConnAndPacketConn"},
	"protoconn_test.go": {"TestTCPListenerSpecificMethods", "TestTCPConnSpecificMethods",
		"TestUDPConnSpecificMethods", "TestUnixListenerSpecificMethods", "TestUnixConnSpecificMethods"},
	"rawconn_test.go": {"TestRawConnReadWrite", "TestRawConnControl"},
	"file_test.go":    {"TestFileConn", "TestFileListener", "TestFilePacketConn", "TestFileCloseRace"},
	"server_test.go":  {"TestTCPServer", "TestUnixAndUnixpacketServer", "TestUDPServer", "TestUnixgramServer"},
	"tcpsock_test.go": {"TestTCPConcurrentAccept", "TestTCPReadWriteAllocs", "TestTCPStress", "TestCopyPipeIntoTCP",
		"TestTCPListenAfterClose"},
	"tcpsock_unix_test.go": {"TestTCPSpuriousConnSetupCompletion"},
	"udpsock_test.go": {"TestWriteToUDP", "TestUDPConnLocalAndRemoteNames", "TestUDPZeroBytePayload",
		"TestUDPZeroByteBuffer", "TestUDPReadSizeError", "TestUDPReadTimeout", "TestAllocs"},
	"unixsock_test.go": {"TestReadUnixgramWithUnnamedSocket", "TestUnixgramWrite", "TestUnixConnLocalAndRemoteNames",
		"TestUnixgramConnLocalAndRemoteNames", "TestUnixUnlink"},
	"sendfile_test.go":          {"TestSendfile", "TestSendfileSeeked", "TestSendfileParts"},
	"mptcpsock_linux_test.go":   {"TestMultiPathTCP"},
	"tcpconn_keepalive_test.go": {"TestTCPConnKeepAliveConfig"},
}

// hereOnly tells the files that only Linux has.
func hereOnly(file string) bool {
	return strings.Contains(file, "_linux_") || strings.Contains(file, "_unix_")
}

func TestTheWantedTestsAreKept(t *testing.T) {
	for _, goos := range []string{"linux", "windows"} {
		t.Run(goos, func(t *testing.T) {
			if goos != runtime.GOOS && testing.Short() {
				t.Skip("compiles the standard library for another system")
			}
			s, err := Generate(Config{Toolchain: Toolchain{GOOS: goos, GOARCH: "amd64"}, Dir: "."})
			if err != nil {
				t.Fatal(err)
			}
			kept := make(map[string]Test)
			for _, test := range s.Tests {
				kept[test.Name] = test
			}
			if len(kept) < 150 {
				t.Errorf("%d tests kept, want 150", len(kept))
			}
			for file, names := range wanted {
				if goos != "linux" && hereOnly(file) {
					continue
				}
				for _, name := range names {
					switch test, ok := kept[name]; {
					case !ok:
						t.Errorf("%s of %s was dropped: %s", name, file, s.Dropped[name])
					case test.File != file:
						t.Errorf("%s is in %s, want %s", name, test.File, file)
					case !test.Concerns:
						t.Errorf("%s is not seen to use what the library replaces", name)
					}
				}
			}
		})
	}
}

func TestNoInternalPackageIsImported(t *testing.T) {
	s, err := Generate(Config{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	imports := 0
	for name, text := range s.files {
		if path.Ext(name) != ".go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			imports++
			if p := importPath(spec); internalPath(p) && !strings.HasPrefix(p, s.Module+"/") {
				t.Errorf("%s imports %s", name, p)
			}
		}
	}
	if imports == 0 {
		t.Error("nothing was looked at")
	}
}

func TestPositionsAreThoseOfGosOwnFiles(t *testing.T) {
	tc := Toolchain{}
	src, err := loadSource(tc, ".")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Generate(Config{Dir: "."})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range src.files {
		text, ok := s.files[path.Join(OverStd, "net", f.name)]
		if !ok {
			continue
		}
		want := strings.Split(string(f.text), "\n")
		got := strings.Split(string(text), "\n")
		if len(got) != len(want) {
			t.Errorf("%s has %d lines, Go's has %d", f.name, len(got), len(want))
			continue
		}
		for i, line := range got {
			if strings.HasPrefix(line, "func Test") && line != want[i] {
				t.Errorf("%s:%d is %q, Go has %q", f.name, i+1, line, want[i])
			}
		}
	}
}

func TestWriteLeavesOtherFilesAlone(t *testing.T) {
	s := &Scratch{files: map[string][]byte{"go.mod": nil, "std/net/a.go": []byte("package net\n")}}
	dir := t.TempDir()
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(dir); err == nil {
		t.Error("a second Write into the same directory succeeded")
	}
}

func TestSelectTakesWhatConcernsTheLibrary(t *testing.T) {
	tests := []Test{{Name: "TestA", Concerns: true}, {Name: "TestAB"}, {Name: "TestB", Concerns: true}}
	for _, tc := range []struct {
		pattern  string
		all      bool
		want     string
		subtests string
	}{
		{"", false, "TestA TestB", ""},
		{"", true, "TestA TestAB TestB", ""},
		{"A", true, "TestA TestAB", ""},
		{"^TestA$/tcp", true, "TestA", "tcp"},
	} {
		selected, subtests, err := Select(tests, tc.pattern, tc.all)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, test := range selected {
			names = append(names, test.Name)
		}
		if got := strings.Join(names, " "); got != tc.want || subtests != tc.subtests {
			t.Errorf("Select(%q, all %t) = %q and %q, want %q and %q", tc.pattern, tc.all, got, subtests, tc.want, tc.subtests)
		}
	}
}
