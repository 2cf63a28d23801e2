# SPDX-License-Identifier: GPL-2.0
# Each target runs one script; `make help` lists them.

help:
	@echo 'make qa      test kernels; KERNELS="default" (or all, running, debian:6.12.43,'
	@echo '             a bzImage, a kernel tree), STRICT=1: any failed test is an error,'
	@echo '             NIC=all: also through virtio-net, e1000e, ... (or one of them),'
	@echo '             LIVE=1: of Debian'"'"'s kernels, again with the module live/cure loaded,'
	@echo '             ARCH=arm64 (s390x, riscv64, ppc64el): kernels of another architecture'
	@echo 'make prove   build 6.1, 6.12 and 7.3 without, with and with parts of the fixes'
	@echo '             and run each; VERSIONS="6.12 path/to/linux" for others'
	@echo 'make prove-all  each live branch whose proof is not of today; stop it and start it'
	@echo '             again as often as you like; TREES=dir: and the trees in that folder'
	@echo 'make check   lint, unit tests, builds, this kernel, three of Debian'"'"'s and more;'
	@echo '             scripts/check --help has parts of it, and a run in a new Debian'
	@echo 'make unit    the unit tests; with python3 alone, what needs more is skipped'
	@echo 'make test    those of one module: make test T=ktap'
	@echo 'make lint    the linters that are installed, and the names of the others'
	@echo 'make harm    what the fixes may break, leak or cost: scripts/harm --help'
	@echo 'make tables  regenerate what repeats patches/fixes.toml'
	@echo 'make doc     Documentation as HTML in Documentation/_build'
	@echo 'make dist    the last commit as source and static bundles in dist/, with checksums'
	@echo '             (DIST=deb, rpm: packages; twice: two builds, compared; try: in a debootstrap)'

qa:
	@scripts/qa run

prove:
	@scripts/series prove --each $(or $(VERSIONS),6.1 6.12 7.3)

prove-all:
	@scripts/series prove-all $(if $(TREES),--trees '$(TREES)')

harm:
	@scripts/harm all

check:
	@scripts/check

unit:
	@scripts/check --no-install unit

test:
	@test -z '$(T)' || test -f scripts/tests/test_'$(T)'.py || { \
		echo 'make test: T=$(T): there is no scripts/tests/test_$(T).py' >&2; exit 2; }
	@cd scripts && exec python3 -m $(if $(T),unittest tests.test_$(T),tests)

lint:
	@scripts/check --no-install lint

tables:
	@scripts/tables

doc:
	@scripts/check documentation

dist:
	@scripts/dist $(DIST)

.PHONY: help qa prove prove-all harm check unit test lint tables doc dist
