# The commands a person types. Each installs the Debian packages it misses (as root, or through sudo).

APXS ?= $(shell command -v apxs || command -v apxs2)
CARGO ?= cargo
DESTDIR ?=

.PHONY: all bench build check clean demo fuzz install test test-long

all: build

build: ## both modules, optimized
	tools/packages build
	$(CARGO) build --release

demo: ## a private httpd on loopback takes a message and delivers it into a Maildir
	tools/packages demo
	$(CARGO) build --workspace
	tools/demo

bench: ## what a message costs, beside the floor and its peers; bench/run --quick for three minutes, --write for bench/RESULTS.md
	tools/packages bench
	bench/run

check: ## formatting and lints
	tools/packages build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

test: ## every test, with real servers on loopback
	tools/packages test
	tools/test

test-long: ## what takes hours: kills, valgrind, fuzzing
	tools/packages test long
	MOD_SENDMAIL_LONG=1 tools/test

fuzz: ## every fuzz target for half a minute; SECONDS_EACH=600 for longer
	tools/packages build
	fuzz/run $(or $(SECONDS_EACH),30)

install: build ## into the httpd that apxs belongs to
	install -D -m 644 target/release/libmod_sendmail.so "$(DESTDIR)$$($(APXS) -q LIBEXECDIR)/mod_sendmail.so"
	tools/install-conf "$(DESTDIR)" "$(APXS)"

clean:
	$(CARGO) clean
