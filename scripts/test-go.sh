#!/usr/bin/env bash
# The Go binding: vet, staticcheck, the tests with the race detector, and once more without a C compiler's help.
#
# TANGO_TOKEN_LIBRARY and TANGO_SANDBOX name what was built already; what they do not name is built here.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

if ! command -v cc >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing gcc"
    { apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev; } >/dev/null
fi
command -v cc >/dev/null || { echo "The race detector of Go needs a C compiler" >&2; exit 1; }
. scripts/toolchains.sh

target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
if [ -z "${TANGO_TOKEN_LIBRARY:-}" ]; then
    make --no-print-directory install PREFIX="$target/installed"
    export TANGO_TOKEN_LIBRARY="$target/installed/lib/libtango_token.so.1"
fi
if [ -z "${TANGO_SANDBOX:-}" ]; then
    make --no-print-directory sandbox
    export TANGO_SANDBOX="$target/release/tango-sandbox"
fi
TANGO_TOKEN_LIBRARY=$(realpath "$TANGO_TOKEN_LIBRARY")
TANGO_SANDBOX=$(realpath "$TANGO_SANDBOX")

step() {
    printf '== Go: %s\n' "$1"
    shift
    "$@"
}
formatted() {
    local differences
    differences=$(gofmt -d . ../../examples/go)
    printf '%s' "$differences"
    [ -z "$differences" ]
}
in_example() { (cd ../../examples/go && "$@"); }

cd bindings/go
step "format" formatted
step "modules" go mod tidy -diff
step "modules of the example" in_example go mod tidy -diff
step "vet" go vet ./...
step "vet of the example" in_example go vet ./...
step "vet where the library does not run yet" env GOOS=windows go vet . ./internal/native
step "staticcheck" go run "$staticcheck" ./...
step "staticcheck of the example" in_example go run "$staticcheck" ./...
step "tests, with the race detector" env CGO_ENABLED=1 go test -race -count=1 ./...
step "tests, without cgo" env CGO_ENABLED=0 go test -count=1 ./...
