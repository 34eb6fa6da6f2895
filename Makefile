# The commands anyone has to know: `make demo` and `make test`. Everything they need they make or install themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ARTIFACTS := artifacts
RUNSC := $(ARTIFACTS)/runsc
BUSYBOX_ROOT := $(ARTIFACTS)/rootfs/busybox
DEBIAN_ROOT := $(ARTIFACTS)/rootfs/debian
COMPARE_ROOT := $(ARTIFACTS)/rootfs/compare
PREFIX ?= /usr/local
SOURCES := $(shell find platform gofer sentry syscall-tables runsc -name '*.cs' -o -name '*.csproj' -o -name '*.targets' 2>/dev/null | grep -vE '/(bin|obj)/')

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1
# No build server may outlive make: it would keep the pipes of whoever called us open.
export MSBUILDDISABLENODEREUSE := 1
DOTNET_QUIET := --nologo -v q -p:UseSharedCompilation=false

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

.PHONY: demo
demo: publish $(BUSYBOX_ROOT) ## build everything and run a first container
	@tests/scripts/demo.sh $(RUNSC) $(BUSYBOX_ROOT)

.PHONY: test
test: packages publish build $(BUSYBOX_ROOT) $(DEBIAN_ROOT) ## run every test; the last line counts them
	@tests/scripts/run-tests.sh Unit Guest Runtime Hostile

.PHONY: unit
unit: build ## only the in-process tests
	@tests/scripts/run-tests.sh Unit

.PHONY: guest
guest: publish build ## only the guest programs, on Linux and in the sandbox
	@tests/scripts/run-tests.sh Guest

.PHONY: build
build: dotnet ## compile all projects
	@dotnet build Sandbox.sln $(DOTNET_QUIET)

.PHONY: publish
publish: $(RUNSC) ## the product: one native binary, artifacts/runsc

$(RUNSC): $(SOURCES) $(wildcard Directory.*) global.json | dotnet packages-build
	@dotnet publish runsc -c Release -r linux-x64 -o $(ARTIFACTS)/publish $(DOTNET_QUIET)
	@mv $(ARTIFACTS)/publish/runsc $(RUNSC) && touch $(RUNSC) && rmdir --ignore-fail-on-non-empty $(ARTIFACTS)/publish

.PHONY: install
install: publish ## copy the binary to PREFIX/bin
	@install -D -m 755 $(RUNSC) $(DESTDIR)$(PREFIX)/bin/runsc
	@echo "installed $(DESTDIR)$(PREFIX)/bin/runsc"

.PHONY: coverage
coverage: publish ## write syscall-tables/COVERAGE.md from the table
	@$(RUNSC) syscalls --format markdown > $(ARTIFACTS)/COVERAGE.md
	@mv $(ARTIFACTS)/COVERAGE.md syscall-tables/COVERAGE.md

.PHONY: bench
bench: dotnet ## micro benchmarks; fails when a hot path allocates
	@dotnet build perf/micro -c Release $(DOTNET_QUIET)
	@cd $(ARTIFACTS) && ../perf/micro/bin/Release/Sandbox.Perf $(BENCH_FLAGS)

# What flags made smaller is no reason to rewrite the document.
COMPARE_DOCUMENT := $(if $(strip $(COMPARE_FLAGS)),$(ARTIFACTS)/compare/performance.md,docs/performance.md)

.PHONY: compare
compare: publish packages $(BUSYBOX_ROOT) $(COMPARE_ROOT) ## the same work natively, under runc, crun, gVisor and here (as root; COMPARE_FLAGS=--quick)
	@tests/scripts/need-packages.sh runc crun python3
	@[ -x $(ARTIFACTS)/gvisor/root/usr/bin/runsc ] || perf/compare/get-gvisor.sh $(ARTIFACTS)/gvisor || echo "going on without gVisor"
	@mkdir -p $(ARTIFACTS)/compare
	@perf/compare/compare.py --json $(ARTIFACTS)/compare/all-cores.json $(COMPARE_FLAGS)
	@perf/compare/compare.py --json $(ARTIFACTS)/compare/one-core.json --cpus 0 --quick --rounds 3 $(COMPARE_FLAGS)
	@perf/compare/document.py $(COMPARE_DOCUMENT) $(ARTIFACTS)/compare/all-cores.json $(ARTIFACTS)/compare/one-core.json

$(COMPARE_ROOT): | packages $(DEBIAN_ROOT)
	@perf/compare/make-root.sh $(DEBIAN_ROOT) $@

.PHONY: check
check: dotnet ## what must hold before every push: format, build, unit tests
	@dotnet format Sandbox.sln --verify-no-changes
	@$(MAKE) --no-print-directory unit

.PHONY: rootfs
rootfs: $(BUSYBOX_ROOT) $(DEBIAN_ROOT) ## the root file systems that demo and test use

$(BUSYBOX_ROOT): | packages-demo
	@tests/scripts/make-busybox-root.sh $@

$(DEBIAN_ROOT): | packages
	@tests/scripts/make-debian-root.sh $@

.PHONY: dotnet packages-build packages-demo packages
dotnet:
	@tests/scripts/need-dotnet.sh
packages-build:
	@tests/scripts/need-packages.sh gcc libc6-dev binutils zlib1g-dev
packages-demo:
	@tests/scripts/need-packages.sh busybox-static
packages: packages-build packages-demo
	@tests/scripts/need-packages.sh debootstrap debian-archive-keyring procps util-linux
	@tests/scripts/need-packages.sh containerd runc containernetworking-plugins iproute2 iptables podman catatonit docker.io

.PHONY: clean
clean: ## remove what was built; the downloaded root file systems stay (distclean removes them too)
	@find . -type d \( -name bin -o -name obj -o -name BenchmarkDotNet.Artifacts \) -not -path './.git/*' -not -path './artifacts/*' -prune -exec rm -rf {} +
	@find $(ARTIFACTS) -mindepth 1 -maxdepth 1 -not -name rootfs -exec rm -rf {} + 2>/dev/null || true

.PHONY: distclean
distclean: clean ## remove everything that git does not know
	@rm -rf $(ARTIFACTS)
