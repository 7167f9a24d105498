# The commands a person types. Each installs the Debian packages it misses (as root, or through sudo).

APXS ?= $(shell command -v apxs || command -v apxs2)
CARGO ?= cargo
DESTDIR ?=
PREFIX ?= /usr/local

.PHONY: all bench build check clean deb demo fuzz install install-client test test-deb test-long

all: build

build: ## both modules, processdsn, processdsn-deliver, sendmail-hold and sendmail-http, optimized
	tools/packages build
	$(CARGO) build --release --package mod_sendmail --package mod_processdsn --package processdsn --package processdsn-deliver --package sendmail-hold --package sendmail-http

demo: ## a private httpd on loopback takes a message and delivers it into a Maildir
	tools/packages demo
	$(CARGO) build --workspace
	tools/demo

bench: ## what a message costs, beside the floor and its peers; bench/run --quick for three minutes, --write for bench/RESULTS.md
	tools/packages bench
	bench/run

check: ## formatting, lints, documentation; that the fuzz targets still build
	tools/packages build fuzz
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps
	$(CARGO) check --manifest-path fuzz/Cargo.toml --target-dir target/fuzz

test: ## every test, with real servers on loopback
	tools/packages test
	tools/test

test-long: ## what takes hours: kills, valgrind, fuzzing
	tools/packages test long
	MOD_SENDMAIL_LONG=1 tools/test

fuzz: ## every fuzz target for half a minute; SECONDS_EACH=600 for longer
	tools/packages build fuzz
	fuzz/run $(or $(SECONDS_EACH),30)

install: ## what make has built: modules into the httpd that apxs belongs to, processdsn, processdsn-deliver and sendmail-hold into PREFIX; DESTDIR is honoured
	tools/install "$(DESTDIR)" "$(PREFIX)" "$(APXS)"
	tools/install-conf "$(DESTDIR)" "$(APXS)"

install-client: ## sendmail-http with its manual page and units, on a machine that has no httpd; DESTDIR and PREFIX are honoured
	tools/install-client "$(DESTDIR)" "$(PREFIX)"

deb: ## target/deb/*.deb: libapache2-mod-sendmail, processdsn, sendmail-http and sendmail-http-mta
	tools/packages deb
	tools/deb

test-deb: deb ## the packages in a Debian 12 of their own (debootstrap, root): install, enable, use, purge
	tools/packages deb-test
	tools/test-deb
	tools/test-deb-client

clean:
	$(CARGO) clean
