# make demo      builds everything and shows it at work against a local server
# make test      runs every test; says what it needs, or installs it where it may
# make conformance  runs the cases of tests/conformance in every language, and writes docs/conformance.md
# make header    writes every generated file: options, header, bindings, reference
# make check     format, lints, and whether generated files are up to date
# make install   PREFIX=/usr/local DESTDIR=

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo

TARGET      := $(or $(CARGO_TARGET_DIR),target)
VERSION     := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
ABI_VERSION := $(shell sed -n 's/^pub const TANGO_ABI_VERSION: i32 = \(.*\);/\1/p' src/ffi/abi.rs)
# What rustc names for a static library (cargo rustc --crate-type staticlib -- --print native-static-libs).
STATIC_LIBS := -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc

LIB     := $(DESTDIR)$(PREFIX)/lib
INCLUDE := $(DESTDIR)$(PREFIX)/include
fill    := sed -e 's|@VERSION@|$(VERSION)|' -e 's|@ABI_VERSION@|$(ABI_VERSION)|' -e 's|@STATIC_LIBS@|$(STATIC_LIBS)|'

.PHONY: all lib sandbox demo test conformance check header install clean

all: lib sandbox

# Without the rlib, which would keep cargo from optimising across crates.
lib:
	$(CARGO) rustc --release --package tango-token --lib --crate-type cdylib,staticlib

sandbox:
	$(CARGO) build --release --package tango-sandbox

demo:
	scripts/demo.sh

test:
	scripts/test.sh

conformance:
	CONFORMANCE_TABLE=write $(CARGO) test --test conformance

check:
	scripts/check.sh

# The site, in target/docs.
.PHONY: docs
docs:
	scripts/docs.sh

# The options in Rust, the header, and everything that is made from these two: bindings, docs. See scripts/interface.
header:
	python3 scripts/interface --rust
	$(CARGO) build --features header --package tango-token
	python3 scripts/interface

install: lib
	install -d $(INCLUDE) $(LIB)/pkgconfig $(LIB)/cmake/TangoToken
	install -m 644 include/tango_token.h include/tango_token.hpp $(INCLUDE)/
	install -m 755 $(TARGET)/release/libtango_token.so $(LIB)/libtango_token.so.$(VERSION)
	ln -sf libtango_token.so.$(VERSION) $(LIB)/libtango_token.so.$(ABI_VERSION)
	ln -sf libtango_token.so.$(ABI_VERSION) $(LIB)/libtango_token.so
	install -m 644 $(TARGET)/release/libtango_token.a $(LIB)/
	$(fill) packaging/tango-token.pc.in > $(LIB)/pkgconfig/tango-token.pc
	$(fill) packaging/TangoTokenConfig.cmake.in > $(LIB)/cmake/TangoToken/TangoTokenConfig.cmake
	$(fill) packaging/TangoTokenConfigVersion.cmake.in > $(LIB)/cmake/TangoToken/TangoTokenConfigVersion.cmake

clean:
	$(CARGO) clean
