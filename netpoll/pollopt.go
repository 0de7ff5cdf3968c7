package netpoll

import "strings"

// PollOpt says how readiness is delivered. The zero value means Level.
type PollOpt uint8

const (
	Level   PollOpt = 1 << iota // an event at every Poll while the source is ready
	Edge                        // an event when the source becomes ready; then use it until it would block
	OneShot                     // disabled after one event, until Reregister; goes with Level and with Edge
)

// asked is AttachAsked's, for the selector alone.
const asked PollOpt = 1 << 7

// String returns the options' names joined by " | ", or "(empty)".
func (o PollOpt) String() string {
	var names []string
	if o&Edge != 0 {
		names = append(names, "Edge-Triggered")
	}
	if o&Level != 0 {
		names = append(names, "Level-Triggered")
	}
	if o&OneShot != 0 {
		names = append(names, "OneShot")
	}
	if names == nil {
		return "(empty)"
	}
	return strings.Join(names, " | ")
}

// valid reports whether the options may be registered: Edge and Level exclude
// each other.
func (o PollOpt) valid() bool {
	return o&^(Edge|Level|OneShot) == 0 && o&(Edge|Level) != Edge|Level
}
