package sockerr

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// Wine says that the system is Wine, which gives itself away by a function.
var Wine = windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil

var (
	resets = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED}
	// Wine says so also of the peer's end.
	ends         = []syscall.Errno{windows.WSAESHUTDOWN}
	refusals     = []syscall.Errno{windows.WSAECONNREFUSED}
	inUse        = []syscall.Errno{windows.WSAEADDRINUSE}
	notConnected = []syscall.Errno{windows.WSAENOTCONN}
	scarcities   = []syscall.Errno{windows.WSAEMFILE, windows.WSAENOBUFS, windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_TOO_MANY_OPEN_FILES}
	noFamily     = []syscall.Errno{windows.WSAEAFNOSUPPORT}
)
