module github.com/moor-net/moor/bench

go 1.26.0

require (
	github.com/moor-net/moor v0.0.0-00010101000000-000000000000
	golang.org/x/sys v0.49.0
)

require (
	github.com/panjf2000/ants/v2 v2.12.1 // indirect
	golang.org/x/sync v0.11.0 // indirect
)

replace github.com/moor-net/moor => ../
