module github.com/moor-net/moor/bench

go 1.26

require golang.org/x/sys v0.49.0
