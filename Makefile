# `make help` lists what there is.
GO     ?= go
LINT    = $(GO) tool -modfile=.ci/tools/go.mod golangci-lint
STATIC  = CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w"

# Tests called TestReal… make real faults on the machine (busy processors, full
# disks): they run after all others, one package at a time.
REAL    = $(shell grep -rl --include='*_test.go' '^func TestReal' . | xargs -r -n1 dirname | sort -u)

# What runs concurrently. The rest is pure, and slow under the race detector.
RACE    = ./engine ./engine/expression ./engine/replay ./checks/... ./integrations/... ./cmd/...

.PHONY: help build test race fuzz lint format generate bench figures clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/gumshoe: one static binary
	$(STATIC) -o bin/gumshoe ./cmd/gumshoe

test: ## every test; those that make real faults need root and GUMSHOE_TEST_REAL=1
	$(GO) test -skip '^TestReal' ./...
	$(if $(REAL),$(GO) test -p 1 -count=1 -timeout 40m -exec '$(CURDIR)/.ci/quiet' -run '^TestReal' $(REAL))

race: ## the concurrent packages under the race detector (needs a C compiler)
	@if command -v $$($(GO) env CC) >/dev/null; then set -x; \
		CGO_ENABLED=1 $(GO) test -race -skip '^TestReal' $(RACE); \
	else echo "no C compiler: the race detector cannot be built"; fi

fuzz: ## every fuzz target for FUZZTIME (5s)
	.ci/fuzz $(or $(FUZZTIME),5s)

lint: ## go vet and golangci-lint (the first time builds it: a minute or two)
	$(GO) vet ./...
	$(LINT) run

format: ## gofmt, and imports in order
	$(LINT) fmt

generate: ## write the pages of the checks again from their code
	$(GO) generate ./...

bench: ## all benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

figures: ## start-up, size, memory and speed against their limits
	docs/bench/figures.sh

clean: ## remove what make made
	rm -rf bin
