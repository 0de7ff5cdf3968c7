// Package registration makes sources for a Poll out of nothing but memory: no
// descriptor, no goroutine, no system call unless somebody sleeps.
//
// [New] returns a pair. The [Registration] is registered with a Poll like a
// socket; whoever holds the [SetReadiness] says what it is ready for. [Timer]
// and [Channel] are sources built on it.
//
// What is said here about a Registration holds for Timer and Channel too:
//
//   - An event tells the readiness that the source has when Poll looks at it.
//     Values set in between may never be seen: Set(Readable) and then Set(0)
//     before Poll is no event.
//   - With netpoll.Edge every Set makes an event, also of the same value; those
//     that came since the last event make one together. With netpoll.Level
//     there is one in every Poll call while the source is ready, with
//     netpoll.OneShot one until Reregister. Registering and reregistering fire
//     at once if the source is ready.
//   - An event has the bits that are both set and asked for. As with sockets,
//     Error, Hup, ReadClosed and WriteClosed count as asked for, unless the
//     interest is empty: an empty interest gets no events.
//   - The source belongs to the first Poll that it was registered with, even
//     after Deregister and after that Poll was closed.
//   - Close the source, or deregister it, when it is not needed any more. One
//     that is simply forgotten, with its SetReadiness, is collected after its
//     last event was delivered or its Poll is gone.
package registration
