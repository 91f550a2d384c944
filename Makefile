# For people. What must hold before a change lands is .ci/run.
.PHONY: all test race lint bench fuzz quickstart ci api slips knots

all: lint test

test: ## every test of every module in the workspace
	go test work

race:
	go test -race work

lint: bin/golangci-lint
	gofmt -l .
	go vet work
	bin/golangci-lint run ./...
	cd conformance && ../bin/golangci-lint run ./...
	cd examples && ../bin/golangci-lint run ./...

bin/golangci-lint: tools/go.mod
	GOWORK=off go build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

api: ## write the list of exported declarations anew, after a change that is meant
	go test ./conformance -run '^TestSurface$$' -update-surface

SLIPS ?=
slips: ## small mistakes, one at a time in a clone: do the tests notice? SLIPS takes flags, such as -check
	GOWORK=off go -C tools run ./slips $(SLIPS)

KNOTS ?= ..
knots: ## groups of files that refer to each other in a circle; KNOTS takes flags and a folder, seen from tools
	GOWORK=off go -C tools run ./knots $(KNOTS)

BENCH ?= .
bench: ## every benchmark, then its ratios beside the bars of docs/performance.md
	@mkdir -p bin
	@go test -run '^$$' -bench '$(BENCH)' -benchmem work > bin/bench.txt || { cat bin/bench.txt; exit 1; }
	@grep -v '^ok\|^PASS\|no test files' bin/bench.txt
	@awk -f tools/bars.awk docs/performance.md bin/bench.txt

FUZZTIME ?= 30s
fuzz: ## every fuzz target of the root module in turn
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

quickstart:
	go run ./examples/quickstart

ci:
	bash .ci/run
