// Package shim stands in for the unexported parts of package net that Go's
// tests of it use, and its subpackages for the internal packages that they
// import. The generator finds a replacement by its name alone:
//
//   - an unexported function, variable, constant or type of package net, and a
//     helper function of its tests, is replaced by the exported name that
//     differs in its first letter: SupportsIPv4 for supportsIPv4. A function
//     that takes the descriptor of a connection gets the connection;
//   - a variable is replaced by the result of a function of its name, which is
//     given the dial function under test: see ErrCanceled;
//   - a method of one of package net's exported types is replaced by the
//     function whose name is the type's and the method's: TCPAddrIsWildcard;
//   - an unexported type that tests only use in type switches is replaced by
//     an interface, and a pointer to it by the same interface;
//   - an internal package is replaced by the subpackage of the same name.
//
// What has no replacement makes the tests that need it drop out.
package shim
