module github.com/moor-net/moor

go 1.26
