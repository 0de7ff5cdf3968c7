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
//     is promised before that. Where [NeedsRearm] is true, say so with Rearm;
//     otherwise the next event comes up to some tenths of a second late, and
//     more events come than are needed. With [Level] (also when neither is
//     given) an event comes at every Poll while the source is ready. With
//     [OneShot] the source is disabled after one event, until Reregister.
//   - Only [Readable] and [Writable] may be relied on. All other bits are
//     hints: they may be missing.
//   - Deregister a source before closing it, or forget it, as its owner can
//     ([Poll.Forget], package binding). On Linux closing is enough for a
//     descriptor without a duplicate, in this process or another, but another
//     thread that looks at it just then may still bring an event. On Windows
//     closing is enough for a socket without a duplicate, unless it was
//     registered with AttachAsked.
//   - A source belongs to the first Poll it was registered with.
package netpoll
