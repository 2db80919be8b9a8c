#!/usr/bin/env bash
# Prints the value of CARGO_ENCODED_RUSTFLAGS for everything that is shipped: the caller's own flags, and those that
# replace directories of this machine. Without them the paths in panic messages name the builder's home directory, and
# the same source makes other bytes on another machine.
#
# The profile's `trim-paths` would do the same, but is not stable yet. aws-lc-sys does it for its C code.
set -euo pipefail
cd "$(dirname "$0")/.."

separator=$'\x1f'
flags=()

# map DIRECTORY NAME: also by the name that DIRECTORY has where a symbolic link leads to it.
map() {
    local directory
    for directory in "$1" "$(realpath --canonicalize-missing "$1")"; do
        flags+=("--remap-path-prefix=$directory=$2")
    done
}

if [ -n "${CARGO_ENCODED_RUSTFLAGS:-}" ]; then
    flags+=("$CARGO_ENCODED_RUSTFLAGS")
elif [ -n "${RUSTFLAGS:-}" ]; then
    read -ra flags <<<"$RUSTFLAGS"
fi

# rustc applies the last mapping that fits, so an inner directory follows the one that contains it.
rustc=${RUSTC:-rustc}
commit=$("$rustc" --version --verbose | sed -n 's/^commit-hash: //p')
map "$HOME" /home
map "${CARGO_HOME:-$HOME/.cargo}" /cargo
map "$("$rustc" --print sysroot)/lib/rustlib/src/rust" "/rustc/$commit"
map "$PWD" /tango-token
map "${CARGO_TARGET_DIR:-$PWD/target}" /target

(IFS=$separator && printf '%s' "${flags[*]}")
