#!/usr/bin/env bash
# Tests the Go binding: format, vet, staticcheck, its tests with the race detector and without cgo, and the modules that
# a user gets (scripts/test-go-package.sh).
#
#     scripts/test-go.sh [OPTION OF GO TEST...]
#
# Options, such as `-run Leak`, select tests, which run without cgo, and nothing else is checked.
#
# TANGO_TOKEN_LIBRARY and TANGO_SANDBOX can name a library and a sandbox; those that they do not name are built here.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

. scripts/common.sh
. scripts/toolchains.sh
need_compiler # for the race detector too
need_go
need_library_and_sandbox

formatted() {
    local differences
    differences=$(gofmt -d . ../../examples/go ../../examples/operations)
    printf '%s' "$differences"
    [ -z "$differences" ]
}
in_example() { (cd ../../examples/go && "$@"); }
in_prometheus() { (cd tangoprometheus && "$@"); }

cd bindings/go
if [ $# -gt 0 ]; then
    env CGO_ENABLED=0 go test -count=1 "$@" ./...
    exit
fi
step "Go: format"
formatted
step "Go: modules"
go mod tidy -diff
for module in native/*; do
    grep --quiet "${module##*/} v$version\$" go.mod || fail "go.mod does not require $module v$version"
done
step "Go: modules of the example"
in_example go mod tidy -diff
step "Go: modules of the Prometheus collector"
in_prometheus go mod tidy -diff
step "Go: vet"
go vet ./...
step "Go: vet of the example"
in_example go vet ./...
step "Go: vet of the Prometheus collector"
in_prometheus go vet ./...
step "Go: vet where the library does not run yet"
env GOOS=windows go vet . ./internal/native ./tangotest
step "Go: staticcheck"
go run "$staticcheck" ./...
step "Go: staticcheck of the example"
in_example go run "$staticcheck" ./...
step "Go: staticcheck of the Prometheus collector"
in_prometheus go run "$staticcheck" ./...
step "Go: tests, with the race detector"
env CGO_ENABLED=1 go test -race -count=1 ./...
step "Go: tests, without cgo"
env CGO_ENABLED=0 go test -count=1 ./...
step "Go: tests of the Prometheus collector"
in_prometheus env CGO_ENABLED=0 go test -count=1 ./...

# A unit test on the fake needs neither the library nor the sandbox.
step "Go: tests of the example"
in_example env CGO_ENABLED=0 TANGO_TOKEN_LIBRARY=/not/there TANGO_SANDBOX= go test -count=1 -skip Sandbox ./...
in_example go test -count=1 ./...

# As a user gets them, with the library of a release inside.
step "Go: modules that a user gets"
cd ../..
scripts/build-platform.sh linux-x64 shared
scripts/test-go-package.sh linux-x64
