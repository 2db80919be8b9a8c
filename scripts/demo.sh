#!/usr/bin/env bash
# Builds everything and lets the C example get a token from a sandbox over TLS and call a protected API with it. Needs
# Rust, a C compiler and make; leaves nothing behind except the build.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step "Building the library and the sandbox"
make --no-print-directory sandbox install COMMAND= PREFIX="$work/installed" >"$work/build.log" 2>&1 || {
    cat "$work/build.log" >&2
    exit 1
}
sandbox=${CARGO_TARGET_DIR:-target}/release/tango-sandbox

step "Compiling examples/c/acquire.c"
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall examples/c/acquire.c -o "$work/acquire" \
    -I "$work/installed/include" -L "$work/installed/lib" -ltango_token -Wl,-rpath,"$work/installed/lib"

step "Getting a token from the sandbox over TLS, the same again from memory, and calling the protected API with it"
# shellcheck disable=SC2016 # the shell inside of the sandbox expands these
call_api='"$0" header | "$1" get "$TANGO_API_URL/accounts" --ca-file "$TANGO_CA_FILE"'
"$sandbox" run --log-file "$work/requests" -- bash -o pipefail -c "$call_api" "$work/acquire" "$sandbox"

step "What the server saw"
cat "$work/requests"
