#!/usr/bin/env bash
# Checks everything that is not a test: format, lints, documentation, words, scripts, and that generated files are
# up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
need_compiler
need_python
need shellcheck=shellcheck
need_go

step "no conflict is left"
if git grep --line-number --extended-regexp '^(<{7}|>{7}) '; then
    fail "these lines are left of a merge"
fi

step "format"
cargo fmt --all --check
cargo fmt --manifest-path fuzz/Cargo.toml --check

step ".NET: format"
if command -v dotnet >/dev/null; then
    dotnet format bindings/dotnet/TangoToken.slnx --verify-no-changes
else
    echo ".NET was not checked: there is no dotnet on the PATH"
fi

step "lock file"
cargo metadata --locked --format-version 1 >/dev/null
cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null

step "lints"
cargo clippy --workspace --all-targets -- --deny warnings

step "documentation"
RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --quiet

# A program that calls the C interface, and one that calls the system where std and `nix` do not, cannot do without it.
step "unsafe only in src/ffi, src/windows, src/apple.rs and src/threads/real_time.rs"
if git grep --line-number --extended-regexp '\bunsafe( *[{(]| +(fn|impl|extern|trait))' -- '*.rs' ':!src/ffi/' ':!src/windows' \
    ':!src/apple.rs' ':!src/threads/real_time.rs' ':!fuzz/fuzz_targets/c_calls/' ':!fuzz/build.rs'; then
    fail "unsafe code in another place"
fi

step "generated files"
python3 -m unittest discover --quiet --start-directory scripts/interface
python3 scripts/interface --check
before=$(sha256sum include/tango_token.h)
cargo build --features header --package tango-token
[ "$(sha256sum include/tango_token.h)" = "$before" ] ||
    fail "include/tango_token.h: not what the source makes: run \`make header\` and commit"

if grep '^typedef.* [A-Z][a-zA-Z]*;' include/tango_token.h; then
    fail "the header declares an internal type: cbindgen exports every type that is \`pub\`"
fi

step "dependencies"
scripts/supply.sh

step "C interface of the last release"
scripts/abi.sh

step "one version"
grep --quiet "^## $version" CHANGELOG.md || fail "CHANGELOG.md has no section for version $version"

step "spelling"
need_typos
typos

step "retired words"
python3 -B scripts/check_words_test.py
scripts/check_words.py

step "reliability: rows, and faults that still apply"
python3 -B -m unittest discover --quiet --start-directory scripts/reliability
python3 -B scripts/reliability check

step "shell scripts"
shellcheck --external-sources --exclude=SC1091 .ci/run scripts/*.sh examples/recipes/systemd/restrict.sh \
    examples/recipes/cron/run-job

step "workflows"
need_actionlint
actionlint
