# What a newcomer runs first is `make demo`, then `make test`. Both install what is missing on
# Debian 12 (deploy/setup.sh, which says so before it does) and need root for nothing else.

export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)
CARGO := cargo
OUT := out
BUILT := $(or $(CARGO_TARGET_DIR),target)/release/ranshift
PREFIX := /usr
MINUTES := 10
SCHEDULES := 100000
DEMO := pcap-fixtures/two-du-failover

.PHONY: help setup demo lab test simulate bench memif midhaul soak vm-sctp chart lint install fixtures clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 18

setup: ## install what is missing: apt packages and the pinned Rust toolchain
	@deploy/setup.sh

# The dev profile: optimised enough for a replay, and `make test` finds its dependencies built.
demo: setup ## replay two DUs and one RU: planned migration, death of a DU, failover; leaves a report
	$(CARGO) run --locked -- replay -c $(DEMO)/config.yaml --scenario $(DEMO)/scenario.yaml --out $(OUT)/demo
	@echo
	@echo "The picture of it: file://$(CURDIR)/$(OUT)/demo/report.html"

lab: setup ## emulated RU and DUs, then L2 and PHYs, around a running appliance; under a minute
	$(CARGO) run --locked -- lab story --out $(OUT)/live-lab

test: setup ## run every test
	$(CARGO) test --locked --no-fail-fast

simulate: setup ## SCHEDULES (100000) of deaths, delays, kills and commands against controller and worker in virtual time
	SCHEDULES=$(SCHEDULES) $(CARGO) test --locked --test simulate -- --nocapture

bench: setup ## measure fronthaul and FAPI beside dpdk-testpmd and memcpy (release build; QUICK=1 takes a minute or so)
	$(CARGO) bench --locked --bench dataplane

memif: setup ## two halves of the FAPI plane joined by shared memory, live: migration, death, return
	$(CARGO) test --locked --test live_memif -- --ignored --nocapture

soak: setup ## 14 cells for MINUTES (10), a configuration every second; then a minute of hostile clients
	SOAK_SECONDS=$$((60 * $(MINUTES))) SOAK_TESTPMD=1 $(CARGO) test --locked --release --test soak -- --nocapture
	HOSTILE_SECONDS=60 $(CARGO) test --locked --release --test hostile -- --nocapture

midhaul: setup ## a CU and two DUs over userland SCTP, live: cables cut, processes killed; needs libusrsctp-dev
	$(CARGO) test --locked --test live_midhaul -- --ignored --nocapture --test-threads=1

vm-sctp: setup ## P5 over kernel SCTP in a virtual machine: Debian's kernel under QEMU; says what it needs
	@OUT=$(OUT) deploy/vm-sctp.sh

install: setup ## build the release, install program, unit, user, udev rule, guide (DESTDIR, PREFIX)
	$(CARGO) build --locked --release --bin ranshift
	install -D -m 0755 $(BUILT) $(DESTDIR)$(PREFIX)/bin/ranshift
	install -D -m 0644 deploy/systemd/ranshift.service $(DESTDIR)/lib/systemd/system/ranshift.service
	install -D -m 0644 deploy/systemd/ranshift.sysusers $(DESTDIR)/usr/lib/sysusers.d/ranshift.conf
	install -D -m 0644 deploy/systemd/ranshift.modules-load $(DESTDIR)/usr/lib/modules-load.d/ranshift.conf
	install -D -m 0644 deploy/systemd/60-ranshift.rules $(DESTDIR)/lib/udev/rules.d/60-ranshift.rules
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/doc/ranshift docs/*.md
	install -d -m 0755 $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)/etc/ranshift
	$(BUILT) completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/ranshift

chart: setup ## lint and render the Helm chart; needs helm, which Debian does not have
	@command -v helm >/dev/null 2>&1 || { echo 'chart: helm is not installed; its own site says how' >&2; exit 3; }
	$(CARGO) test --locked --test deploy -- --ignored

lint: setup ## formatting, clippy and rustdoc as errors; licences and duplicates if cargo-deny is here
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items
	@if command -v cargo-deny >/dev/null 2>&1; then \
		$(CARGO) deny --locked check bans licenses sources; \
	else \
		echo 'lint: cargo-deny is not installed, so licences and duplicate crates were NOT checked (cargo install --locked cargo-deny)'; \
	fi

fixtures: setup ## make expected counters and generated documentation anew; review the diff
	RANSHIFT_REGENERATE=1 $(CARGO) test --locked --test scenarios --test claims --test metrics --test words --test dashboard
	$(CARGO) run --locked --quiet -- check --reference > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md

clean: ## remove everything that was built or written
	$(CARGO) clean
	rm -rf $(OUT)
