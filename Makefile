# What can be run here. `make test` is what continuous integration runs.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SYSTEMS     := linux windows darwin freebsd
CHECKED     := $(SYSTEMS)
WINDOWS     := ./netpoll ./binding ./registration ./runtime/... ./http_example ./internal/fdmutex ./internal/goroutine ./internal/mono ./internal/netfd ./internal/readyq \
	./internal/slots ./internal/sockerr ./internal/sys ./internal/wheel
WINE        := $(GO) run github.com/moor-net/moor/internal/wine/cmd/wine
MODULES     := . $(patsubst ./%,%,$(shell sed -n "s/^\t\(\.\/.*\)/\1/p" go.work))

# A process with the race detector lingers for a second at its end by default,
# and the tests start very many.
GORACE ?= atexit_sleep_ms=0
export GORACE

.PHONY: test setup format vet staticcheck unit race poll nettest net-tests modules test-windows fuzz

# Everything, in the order in which failures are cheapest to see.
test: setup format vet staticcheck unit race poll nettest net-tests modules test-windows
	@echo "all tests passed"

# Debian packages that the tests use: C compilers for the race detector, strace
# to count system calls, real software to talk to, and Wine.
setup:
	./.ci/setup

format:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt -w these files:"; echo "$$files"; exit 1; fi

# The other modules as their tests are built, with the race detector: what they
# require is compiled once.
vet:
	@for os in $(SYSTEMS); do echo "go vet for $$os"; GOOS=$$os $(GO) vet ./... || exit 1; done
	@for dir in $(filter-out .,$(MODULES)); do echo "go vet in $$dir"; (cd $$dir && $(GO) vet -race ./...) || exit 1; done

staticcheck:
	@GOBIN=$(CURDIR)/build $(GO) install $(STATICCHECK)
	@for os in $(CHECKED); do echo "staticcheck for $$os"; GOOS=$$os build/staticcheck $$([ $$os = linux ] || echo -tests=false) ./... || exit 1; done
	@for dir in $(filter-out .,$(MODULES)); do echo "staticcheck in $$dir"; (cd $$dir && GOFLAGS="$$GOFLAGS -race" ../build/staticcheck ./...) || exit 1; done

# Without the race detector: allocations, memory, system calls, and the stress
# tests at full length.
unit:
	$(GO) test ./...

# With it, the stress tests shortened.
race:
	$(GO) test -race -short ./...

# The selector on poll(2), which serves other Unix systems, here on Linux.
poll:
	$(GO) vet -tags moor_poll ./...
	$(GO) test -race -short -tags moor_poll ./netpoll ./binding ./registration ./runtime
	$(GO) test -race -tags moor_poll -parallel 4 -run Nettest ./conn -rounds 2

# The conformance suites of net.Conn, over and over.
nettest:
	$(GO) test -race -cpu 1,2,4 -parallel 4 -run Nettest ./conn -rounds 50

# Go's own tests of package net, over package net and over this library.
net-tests:
	$(GO) run ./internal/stdnet/cmd/stdnet -complete
	$(GO) run ./internal/stdnet/cmd/stdnet -race -complete

# Tests against real software, and of the benchmarks.
modules:
	@for dir in $(filter-out .,$(MODULES)); do echo "go test in $$dir"; (cd $$dir && $(GO) test -race ./...) || exit 1; done

# The tests for Windows, under Wine. A single package, with any flags of go test:
# go run ./internal/wine/cmd/wine test -race -run Pipe ./conn
# Without the race detector: what is under the kernel's hands, at full length, and
# what is measured. With it, the rest, and all that connections do. Then real
# libraries and Go's own tests. Two packages run at a time.
test-windows:
	$(WINE) test -run 'Thousands|CancelMeets|CloseInEveryOrder' ./netpoll
	$(WINE) test -short $(WINDOWS)
	$(WINE) test -short -run 'Memory|Allocate' ./conn ./listener
	$(WINE) test -race -short ./netpoll ./binding ./registration ./runtime ./conn ./listener
	cd integration_test && $(WINE) test -short .
	$(GO) run ./internal/stdnet/cmd/stdnet -wine -complete -floor 95

# Ten seconds for each fuzz target, on demand: what it finds differs from run to
# run. Seeds and past finds run with the tests.
fuzz:
	@grep -rl '^func Fuzz' --include='*_test.go' . | while read file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file | while read target; do \
			echo "fuzzing $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime 10s ./$$(dirname $$file) </dev/null || exit 1; \
		done || exit 1; \
	done
