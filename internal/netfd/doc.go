// Package netfd makes sockets and turns them into network descriptors: what
// packages conn and listener share below their exported types. It follows
// package net in every choice that a program can observe: address families,
// socket options, the order of system calls, and errors.
package netfd
