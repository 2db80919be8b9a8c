#!/usr/bin/env bash
# Tests the Go modules as a user meets them: a new module gets them from a proxy, with an empty cache, builds the first
# program of the README and runs it against the sandbox. Nothing is installed.
#
#     scripts/test-go-package.sh [PLATFORM...]
#
# The native libraries are those of scripts/build-platform.sh, by default of this machine's platform alone. Programs for
# other platforms are run where this machine can: musl's loader, qemu-user, wine.
# TANGO_SANDBOX can name a sandbox; otherwise it is built here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

[ $# -gt 0 ] || set -- linux-x64
need_compiler
need_python
need git=git
need_go
if [ -z "${TANGO_SANDBOX:-}" ]; then
    make --no-print-directory sandbox
fi
TANGO_SANDBOX=$(realpath "${TANGO_SANDBOX:-$target/release/tango-sandbox}")

readonly binding=github.com/tango-token/tango-token/bindings/go
work=$target/go-package
rm -rf "$work"
mkdir -p "$work"

step "Go modules: the libraries of $*"
scripts/go-native.sh --remove
scripts/go-native.sh "$@"
scripts/go_proxy.py "$work/proxy"
# A clone is as it was.
scripts/go-native.sh --remove

# go remembers what a version in a directory of modules has, since it never changes; here it does.
modules() { mktemp --directory "$work/modules.XXXXXX"; }
# Other modules come from where they always come. Nothing of ours is in a sum database.
GOPROXY=file://$work/proxy,$(go env GOPROXY)
export GOPROXY GONOSUMDB=$binding GOFLAGS=-modcacherw GOWORK=off CGO_ENABLED=0
GOMODCACHE=$(modules)
export GOTOOLCHAIN=local GOMODCACHE
unset TANGO_TOKEN_LIBRARY

# expect LINE PROGRAM...: runs a program beside a sandbox, and compares a part of its output.
expect() {
    local line=$1 output
    shift
    # shellcheck disable=SC2016 # the inner shell expands it
    output=$("$TANGO_SANDBOX" run --quota-window-seconds 0 --log-file /dev/null -- \
        sh -c 'SSL_CERT_FILE=$TANGO_CA_FILE exec "$@"' sh "$@" 2>&1) || true
    grep --quiet --fixed-strings "$line" <<<"$output" || fail "$*: expected \"$line\": $output"
    printf '%s: %s\n' "$*" "$line"
}
readonly accounts=sandbox-account

# native_downloads: prints the native modules whose archives were downloaded.
native_downloads() {
    find "$GOMODCACHE/cache/download/$binding/native" -name '*.zip' 2>/dev/null | sed 's|.*/native/||; s|/.*||' | sort |
        tr '\n' ' '
}

step "Go modules: the first program"
mkdir "$work/accounts"
# The README's first program is its first block that has a main.
python3 - "$work/accounts/main.go" <<'PYTHON'
import re, sys
blocks = re.findall(r"```go\n(.*?)```", open("bindings/go/README.md").read(), re.DOTALL)
open(sys.argv[1], "w").write(next(block for block in blocks if block.startswith("package main")))
PYTHON
root=$PWD
cd "$work/accounts"
started=$(date +%s%N)
go mod init accounts 2>/dev/null
go get "$binding@v$version" 2>"$work/get.log" || fail "$(cat "$work/get.log")"
go build -o accounts .
milliseconds=$((($(date +%s%N) - started) / 1000000))
echo "go mod init, go get and go build: $milliseconds ms; the program has $(stat --format=%s accounts) bytes"
expect "$accounts" ./accounts
# go get, go mod tidy and go mod download ask for the modules of all platforms; a build, as in CI, for one.
echo "go get downloaded: $(native_downloads)"
GOMODCACHE=$(modules)
go build -o accounts .
echo "go build downloaded: $(native_downloads)"
[ "$(native_downloads)" = "linux_amd64 " ] || fail "a build downloads the libraries of other platforms"

step "Go modules: a test with the fake, and one with the sandbox"
cp -R "$root/examples/go/tested" tested
TANGO_SANDBOX=$TANGO_SANDBOX go test ./tested
rm -r tested

step "Go modules: an installed library instead"
expect "TANGO_TOKEN_LIBRARY=/not/there.so" env TANGO_TOKEN_LIBRARY=/not/there.so ./accounts
go build -tags tango_token_installed -o installed .
expect "make install" ./installed
! ./installed 2>&1 | grep "embedded" || fail "the build tag has no effect"
[ "$(stat --format=%s installed)" -lt $(($(stat --format=%s accounts) - 2000000)) ] ||
    fail "the library is still inside"

step "Go modules: go mod tidy and go mod vendor"
go mod tidy
go mod verify
go mod vendor
go build -mod=vendor -o vendored .
expect "$accounts" ./vendored
rm -r vendor

# For Windows, where net/http takes certificates from the system alone, and so cannot call the API of the sandbox.
mkdir token
cat >token/main.go <<'GO'
package main

import (
	"context"
	"fmt"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

func main() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		panic(err)
	}
	token, err := client.Token(context.Background())
	fmt.Println("a token:", token, err)
}
GO

for name in "$@"; do
    cd "$root"
    platform "$name"
    cd "$work/accounts"
    module=${goos}_$goarch
    [ "$libc" != musl ] || module+=_musl
    tags=
    source=. expected=$accounts
    loader=()
    flags=
    case $name in
    linux-x64) continue ;;
    linux-musl-x64) tags=musl flags='-I /lib/ld-musl-x86_64.so.1' loader=(env) ;;
    linux-arm64) loader=(qemu-aarch64-static -L /usr/aarch64-linux-gnu) ;;
    linux-musl-arm64) tags=musl flags='-I /lib/ld-musl-aarch64.so.1' loader=(qemu-aarch64-static) ;;
    win-x64)
        loader=(wine) source=./token expected='a token: Bearer'
        # Wine lacks a DLL that Rust and Go need; scripts/test-windows.sh puts it there.
        export WINEPREFIX=${WINEPREFIX:-$toolchains/wine} WINEDEBUG=-all
        ;;
    esac
    step "Go modules: $name"
    GOOS=$goos GOARCH=$goarch go build -tags "$tags" -ldflags "$flags" -o "accounts-$module$program_extension" \
        "$source"
    echo "$module: $(stat --format=%s "accounts-$module$program_extension") bytes"
    if [ ${#loader[@]} = 0 ] || ! command -v "${loader[0]}" >/dev/null; then
        echo "$module: built, not run: this machine cannot run it"
        continue
    fi
    expect "$expected" "${loader[@]}" "./accounts-$module$program_extension"
    if [ "$name" = linux-musl-x64 ]; then
        # A program that was linked for glibc, with the library for musl.
        go build -tags musl -o wrong .
        # shellcheck disable=SC2016 # a sentence, no command
        expect 'build the program without `-tags musl`' ./wrong
    fi
done
