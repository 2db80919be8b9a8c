# `make help` lists the targets.

PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
DESTDIR ?=
CARGO   ?= cargo

TARGET      := $(or $(CARGO_TARGET_DIR),target)
VERSION     := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
ABI_VERSION := $(shell sed -n 's/^pub const TANGO_ABI_VERSION: i32 = \(.*\);/\1/p' src/ffi/abi.rs)
# The static library that is shipped. The one beside it is rustc's, with thousands of global symbols.
STATIC      := $(TARGET)/release/static/libtango_token.a
# What rustc prints for a static library (cargo rustc --crate-type staticlib -- --print native-static-libs).
STATIC_LIBS := -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc

BIN     := $(DESTDIR)$(PREFIX)/bin
SHARE   := $(DESTDIR)$(PREFIX)/share
INCLUDE := $(DESTDIR)$(PREFIX)/include
LIB     := $(DESTDIR)$(LIBDIR)
COMMAND := $(TARGET)/release/tango-token
COMPLETIONS = $(SHARE)/bash-completion/completions/tango-token $(SHARE)/zsh/site-functions/_tango-token \
	$(SHARE)/fish/vendor_completions.d/tango-token.fish
# The installed files refer to each other by relative paths, so that a packager can move the tree.
PREFIX_FROM_LIBDIR = $(shell realpath --canonicalize-missing --no-symlinks --relative-to=$(LIBDIR) $(PREFIX))
fill = sed -e 's|@VERSION@|$(VERSION)|' -e 's|@ABI_VERSION@|$(ABI_VERSION)|' -e 's|@STATIC_LIBS@|$(STATIC_LIBS)|' \
	-e 's|@PREFIX_FROM_LIBDIR@|$(PREFIX_FROM_LIBDIR)|'

TEST_PARTS := core c fleet interop go dotnet python inspector conformance operations recipes

.PHONY: all help lib sandbox cli demo test $(TEST_PARTS:%=test-%) conformance check header install uninstall clean \
	reliability reliability-short reliability-faults

all: lib sandbox cli

help:
	@echo 'make                  builds the library, the sandbox and the command tango-token, as released'
	@echo 'make demo             builds both and shows them at work: a local server, a token, an API call'
	@echo 'make test             runs every test; installs what it needs (Debian, as root) or names it'
	@echo 'make test-core        the core, the sandbox and the command'
	@echo 'make test-c           C and C++ programs, valgrind, sanitizers, the installed files'
	@echo 'make test-fleet       processes that share a directory or Redis'
	@echo 'make test-interop     third-party authorization servers and proof verifiers'
	@echo 'make test-go, test-dotnet, test-python    one binding each'
	@echo 'make test-inspector   the inspector of the sandbox, in headless Chromium'
	@echo 'make test-conformance the same cases in every language'
	@echo 'make test-operations  alert rules and dashboard, with a Prometheus that scrapes a service'
	@echo 'make test-recipes     the projects of examples/recipes: FastAPI, Celery, gin, ASP.NET Core, Kubernetes, ...'
	@echo 'make test-platforms   tests for arm64, musl and Windows, by emulators: docs/platforms.md; PLATFORMS=linux-arm64'
	@echo 'make conformance      runs these cases and writes docs/conformance.md'
	@echo 'make reliability      every attempt to break it, for hours: writes docs/reliability.md; ROWS=fork,fuzz, or ROWS=new'
	@echo 'make reliability-short  the short form, of which CI runs mutants and supply; ROWS as above'
	@echo 'make reliability-faults  whether planted faults are found; FAULTS=fork,fuzz for some'
	@echo 'make check            format, lints, spelling, and whether generated files are up to date'
	@echo 'make supply           checks the dependencies: licences, duplicates, bans, build scripts, advisories'
	@echo 'make abi              compares the C interface with that of the last release'
	@echo 'make dist             archives and packages for each platform, into dist; PLATFORMS as above'
	@echo 'make test-dist        installs these packages in fresh systems, and builds and runs a program there'
	@echo 'make nuget            builds the NuGet packages into target/nuget/packages'
	@echo 'make go-native        puts the built library into the Go modules, for programs that use this clone'
	@echo 'make sbom             writes bills of materials (CycloneDX) into target/sbom'
	@echo 'make reproducible     builds what is shipped again in another place, and compares it byte for byte'
	@echo 'make docs             builds the documents as a site, and checks their links'
	@echo 'make header           writes the files that are generated from the source'
	@echo 'make install          after `make`; PREFIX=$(PREFIX) LIBDIR=$(LIBDIR) DESTDIR=$(DESTDIR)'
	@echo 'make uninstall        removes what `make install` wrote; takes the same variables'
	@echo 'make clean            removes what was built'

# Cargo for what is shipped: nothing of it contains a path of this machine.
RELEASE = flags=$$(scripts/release_flags.sh) && CARGO_ENCODED_RUSTFLAGS=$$flags $(CARGO)

# Without the rlib, which would keep cargo from optimising across crates.
lib:
	$(RELEASE) rustc --release --package tango-token --lib --crate-type cdylib,staticlib \
		--features zeroizing-allocator
	scripts/static_library.sh $(TARGET)/release/libtango_token.a $(STATIC)

sandbox:
	$(RELEASE) build --release --package tango-sandbox

# In a directory of its own: cargo would write another shared library over the one that `lib` builds.
cli:
	$(RELEASE) build --release --package tango-token-cli --target-dir $(TARGET)/cli
	install -d $(TARGET)/release
	install -m 755 $(TARGET)/cli/release/tango-token $(TARGET)/release/

demo:
	scripts/demo.sh

test:
	scripts/test.sh $(TEST_PARTS)

$(TEST_PARTS:%=test-%): test-%:
	scripts/test.sh $*

# The libraries of other platforms: docs/platforms.md.
.PHONY: test-platforms dist test-dist
test-platforms dist test-dist:
	scripts/$@.sh $(PLATFORMS)

conformance:
	CONFORMANCE_TABLE=write scripts/test.sh conformance

# The attempts to break the library. See scripts/reliability/README.md.
reliability:
	python3 scripts/reliability rows $(ROWS)

reliability-short:
	python3 scripts/reliability short $(ROWS)

reliability-faults:
	python3 scripts/reliability faults $(FAULTS)

check:
	scripts/check.sh

# The packages for nuget.org, from a clean state of the source: RELEASING.md.
.PHONY: nuget
nuget:
	scripts/pack-dotnet.sh

# The library that Go programs embed: bindings/go/README.md.
.PHONY: go-native
go-native:
	scripts/go-native.sh

# What the library is made of, and what a program that is linked with it relies on: docs/supply.md.
.PHONY: supply abi sbom reproducible
supply abi sbom reproducible:
	scripts/$@.sh

# The site, in target/docs.
.PHONY: docs
docs:
	scripts/docs.sh

# The options in Rust, the header, and everything that is made from these two: bindings, docs. See scripts/interface.
header:
	python3 scripts/interface --rust
	$(CARGO) build --features header --package tango-token
	python3 scripts/interface

# Without cargo, as under sudo, this installs what `make` built before. `make install COMMAND=` leaves the command out.
install: $(if $(shell command -v $(CARGO)),lib sandbox $(if $(COMMAND),cli))
	install -d $(BIN) $(INCLUDE) $(LIB)/pkgconfig $(LIB)/cmake/TangoToken
	install -m 755 $(TARGET)/release/tango-sandbox $(BIN)/
	install -m 644 include/tango_token.h include/tango_token.hpp $(INCLUDE)/
	install -m 755 $(TARGET)/release/libtango_token.so $(LIB)/libtango_token.so.$(VERSION)
	ln -sf libtango_token.so.$(VERSION) $(LIB)/libtango_token.so.$(ABI_VERSION)
	ln -sf libtango_token.so.$(ABI_VERSION) $(LIB)/libtango_token.so
	install -m 644 $(STATIC) $(LIB)/
	$(fill) packaging/tango-token.pc.in > $(LIB)/pkgconfig/tango-token.pc
	$(fill) packaging/TangoTokenConfig.cmake.in > $(LIB)/cmake/TangoToken/TangoTokenConfig.cmake
	$(fill) packaging/TangoTokenConfigVersion.cmake.in > $(LIB)/cmake/TangoToken/TangoTokenConfigVersion.cmake
	if [ -e "$(COMMAND)" ]; then $(MAKE) --no-print-directory install-command; fi
	$(if $(DESTDIR),,@scripts/update_linker_cache.sh $(LIBDIR))

# The command writes its manual and its completions itself. Packages for other processors cannot run it, and lack it.
.PHONY: install-command
install-command:
	install -d $(BIN) $(SHARE)/man/man1 $(dir $(COMPLETIONS))
	install -m 755 $(COMMAND) $(BIN)/
	$(COMMAND) man --out $(SHARE)/man/man1
	$(COMMAND) completions bash > $(SHARE)/bash-completion/completions/tango-token
	$(COMMAND) completions zsh > $(SHARE)/zsh/site-functions/_tango-token
	$(COMMAND) completions fish > $(SHARE)/fish/vendor_completions.d/tango-token.fish

# Directories that other packages use as well stay, and so does the cache directory of TANGO_CACHE=file.
uninstall:
	rm -f $(BIN)/tango-sandbox $(INCLUDE)/tango_token.h $(INCLUDE)/tango_token.hpp
	rm -f $(LIB)/libtango_token.so $(LIB)/libtango_token.so.$(ABI_VERSION) $(LIB)/libtango_token.so.$(VERSION)
	rm -f $(LIB)/libtango_token.a $(LIB)/pkgconfig/tango-token.pc
	rm -rf $(LIB)/cmake/TangoToken
	rm -f $(BIN)/tango-token $(SHARE)/man/man1/tango-token.1 $(SHARE)/man/man1/tango-token-*.1
	rm -f $(COMPLETIONS)

clean:
	$(CARGO) clean
