// Package netpoll is the reactor: a Poll waits for many sources at once and
// tells which of them are ready.
//
// A Source is anything that can be registered with a Poll: a file descriptor
// ([FD]), an object with a binding of its own (package binding), or a
// user-space pair (package registration). Registering names a Token, an
// interest and options; [Poll.Poll] blocks until something is ready and stores
// an Event, token and readiness, for each source that is.
//
// # Portability
//
// Programs that follow these rules behave the same on every system:
//
//   - Poll may return without events, and an event may be spurious: the
//     operation it announces can still fail with EAGAIN.
//   - With [Edge], repeat the operation until it would block; no further event
//     is promised before that. With [Level] (also when neither is given) an
//     event comes at every Poll while the source is ready. With [OneShot] the
//     source is disabled after one event, until Reregister.
//   - Only [Readable] and [Writable] may be relied on. All other bits are
//     hints: they may be missing.
//   - Deregister a source before closing it. On Linux closing is enough, on
//     other systems it is not.
//   - A source belongs to the first Poll it was registered with.
package netpoll
