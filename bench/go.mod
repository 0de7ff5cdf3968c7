module github.com/moor-net/moor/bench

go 1.26.0

require golang.org/x/sys v0.49.0

replace github.com/moor-net/moor => ../
