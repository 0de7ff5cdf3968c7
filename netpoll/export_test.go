package netpoll

// EdgeRepeats is how soon the selector may report an edge-triggered source
// again that was not used since; zero when it never does.
const EdgeRepeats = edgeRepeats
