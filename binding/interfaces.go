package binding

// AsHandle is implemented by what lends a handle safely.
type AsHandle interface{ AsHandle() BorrowedHandle }

// AsSocket is implemented by what lends a socket safely.
type AsSocket interface{ AsSocket() BorrowedSocket }

// AsRawHandle is implemented by what tells its handle's raw value.
type AsRawHandle interface{ AsRawHandle() RawHandle }

// AsRawSocket is implemented by what tells its socket's raw value.
type AsRawSocket interface{ AsRawSocket() RawSocket }

// IntoRawHandle is implemented by what can give its handle up.
type IntoRawHandle interface{ IntoRawHandle() (RawHandle, error) }

// IntoRawSocket is implemented by what can give its socket up.
type IntoRawSocket interface{ IntoRawSocket() (RawSocket, error) }
