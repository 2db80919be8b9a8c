#!/usr/bin/env bash
# Builds everything, starts a sandbox on a free port, and lets the C example get a token from it over TLS and call a
# protected API with it. Needs Rust, a C compiler and make; leaves nothing behind but the build.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }
work=$(mktemp -d)
sandbox_pid=
finish() {
    [ -z "$sandbox_pid" ] || kill "$sandbox_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

step "Building the library and the sandbox"
make --no-print-directory sandbox install PREFIX="$work/installed" >"$work/build.log" 2>&1 || {
    cat "$work/build.log" >&2
    exit 1
}
sandbox=${CARGO_TARGET_DIR:-target}/release/tango-sandbox

step "Starting the sandbox: an authorization server and an API, over TLS"
"$sandbox" --env-file "$work/env" >/dev/null 2>"$work/requests" &
sandbox_pid=$!
until [ -f "$work/env" ]; do
    kill -0 "$sandbox_pid" || { cat "$work/requests" >&2; exit 1; }
    sleep 0.05
done
set -a
. "$work/env"
set +a
export TANGO_PROXY=none
echo "$TANGO_TOKEN_URL"

step "Compiling examples/c/acquire.c"
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -Wall examples/c/acquire.c -o "$work/acquire" \
    -I "$work/installed/include" -L "$work/installed/lib" -ltango_token -Wl,-rpath,"$work/installed/lib"

step "Getting a token over TLS, the same again from memory, and calling the protected API with it"
"$work/acquire" header | "$sandbox" get "$TANGO_API_URL/accounts" --ca-file "$TANGO_CA_FILE"

step "What the server saw"
cat "$work/requests"
