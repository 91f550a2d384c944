# Commands for daily work. .ci/run holds every check that a change has to pass.
.PHONY: help check test race lint format api slips knots renamed bench fuzz crash browser load quickstart helpdesk fake ci

.DEFAULT_GOAL := help

# The folders of the workspace's modules, as .ci/run finds them.
WORKSPACE = $(shell go work edit -json | sed -n 's/.*"DiskPath": "\(.*\)".*/\1/p')

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "%-12s%s\n", $$1, $$2}'

check: format ## before each commit, two minutes at most: formatting, go vet, tests of the root module
	go vet work
	go test ./...
	@echo "Left out: the linters, the race detector, and the other modules. make ci has everything."

test: ## every test of every module in the workspace
	go test work

race: ## the tests of make test, with the race detector
	go test -race work

lint: format bin/golangci-lint ## formatting, go vet, golangci-lint as pinned in tools/go.mod
	go vet work
	@set -e; for module in $(WORKSPACE); do \
		echo "golangci-lint in $$module"; \
		(cd "$$module" && "$(CURDIR)/bin/golangci-lint" run ./...); \
	done

format:
	@unformatted=$$(gofmt -l .) || exit 1; test -z "$$unformatted" || { echo "not gofmt-ed:"; echo "$$unformatted"; exit 1; }

bin/golangci-lint: tools/go.mod
	GOWORK=off go build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

api: ## write the list of exported declarations again, after an intended change
	go test ./conformance -run '^TestSurface$$' -update-surface

SLIPS ?=
slips: ## small mistakes, one at a time in a clone: do the tests notice? SLIPS has flags, such as -check
	GOWORK=off go -C tools run ./slips $(SLIPS)

KNOTS ?= ..
knots: ## groups of files that refer to each other in a circle; KNOTS has flags and a folder, seen from tools
	GOWORK=off go -C tools run ./knots $(KNOTS)

BASE ?=
renamed: ## golden files that differ from those of BASE, a commit, by more than the words of tools/renamed/words.txt
	@test -n "$(BASE)" || { echo "give the commit to compare with: make renamed BASE=<commit>"; exit 2; }
	GOWORK=off go -C tools run ./renamed $(BASE)

BENCH ?= .
bench: ## every benchmark, or those that match BENCH, then its ratios beside the bars of docs/performance.md
	@mkdir -p bin
	@go test -run '^$$' -bench '$(BENCH)' -benchmem work > bin/bench.txt || { cat bin/bench.txt; exit 1; }
	@grep -v '^ok\|^PASS\|no test files' bin/bench.txt
	@awk -f tools/bars.awk docs/performance.md bin/bench.txt

FUZZTIME ?= 30s
fuzz: ## every fuzz target of the root module in turn, each for FUZZTIME
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

ROUNDS ?= 20
STORE ?= sqlite
CRASH ?=
crash: ## kill programs on package durable, and the server of STORE=postgres, in ROUNDS rounds: nothing is lost or doubled; CRASH has flags
	cd $(if $(filter sqlite,$(STORE)),durable,durable/$(STORE)) && go run ./internal/crash -rounds $(ROUNDS) $(CRASH)

PAGES ?= conformance/browser examples/helpdesk/browser
WALKS ?=
RACE = -race
browser: ## the walks of PAGES in a real Chromium; WALKS has flags, such as -test.run=Kit or -update-images
	@mkdir -p bin
	@set -e; for pages in $(PAGES); do \
		(cd $$pages && go test $(RACE) -c -o "$(CURDIR)/bin/$$(echo $$pages | tr / -).test" . && "$(CURDIR)/bin/$$(echo $$pages | tr / -).test" $(WALKS)); \
	done

load: ## the helpdesk for a minute, 200 messages a second and two agents, then the figures beside their bars
	@HELPDESK_LOAD_SECONDS=60 HELPDESK_LOAD_RATE=200 $(MAKE) -s browser RACE= PAGES=examples/helpdesk/browser WALKS='-test.run=TestLoad -test.v' > bin/load.txt || { cat bin/load.txt; exit 1; }
	@grep '^Benchmark\|^browser:' bin/load.txt
	@awk -f tools/bars.awk docs/performance.md bin/load.txt

quickstart: ## run examples/quickstart on the embedded fake
	go run ./examples/quickstart

HELPDESK ?=
helpdesk: ## the helpdesk of examples/helpdesk with its demo; HELPDESK has flags, such as -listen localhost:8500
	go run ./examples/helpdesk $(HELPDESK)

FAKE ?=
fake: ## a fake of the service with phones in the browser; FAKE has flags, such as -hook http://127.0.0.1:8080/hook
	go run ./cmd/chatapi fake $(FAKE)

ci: ## everything that must hold before a change lands
	bash .ci/run
