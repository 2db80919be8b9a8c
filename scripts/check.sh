#!/usr/bin/env bash
# What is not a test: format, lints, documentation, and whether generated files are those of the source.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '== %s\n' "$*"; }
fail() {
    echo "$*" >&2
    exit 1
}

step "format"
cargo fmt --all --check

step "lock file"
cargo metadata --locked --format-version 1 >/dev/null

step "lints"
cargo clippy --workspace --all-targets -- --deny warnings

step "documentation"
RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --quiet

step "unsafe only in src/ffi"
if git grep --line-number --word-regexp unsafe -- '*.rs' ':!src/ffi/' | grep -v 'forbid(unsafe_code)\|unsafe_code ='; then
    fail "unsafe outside src/ffi"
fi

step "generated files"
python3 -m unittest discover --quiet --start-directory scripts/interface
python3 scripts/interface --check
before=$(sha256sum include/tango_token.h)
cargo build --features header --package tango-token
[ "$(sha256sum include/tango_token.h)" = "$before" ] ||
    fail "include/tango_token.h: not what the source makes: run \`make header\` and commit"

if grep '^typedef.* [A-Z][a-zA-Z]*;' include/tango_token.h; then
    fail "the header names types of the inside: cbindgen finds what is \`pub\`"
fi

step "one version"
grep --quiet "^## $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" CHANGELOG.md ||
    fail "CHANGELOG.md says nothing of this version"
