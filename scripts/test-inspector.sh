#!/usr/bin/env bash
# Uses the sandbox's inspector in headless Chromium, as a person does: docs/inspector.md. Its requests come from
# examples/cpp/dpop.cpp, a program that uses the library, and from proofs that are wrong on purpose.
#
#     scripts/test-inspector.sh [OPTION OF NODE --TEST...]
#
# An option such as `--test-name-pattern=fault` selects tests. INSPECTOR_SCREENSHOTS=write replaces the pictures of the
# documents. TANGO_TOKEN_LIBRARY and TANGO_SANDBOX can name a library and a sandbox; those that they do not name are
# built here. CHROMIUM can name a browser.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

step "Inspector: tools"
need_compiler
need_node
need c++=g++ pkg-config=pkg-config pkg-config:libcurl=libcurl4-openssl-dev pngquant=pngquant
[ -n "${CHROMIUM:-}" ] || need chromium=chromium
need_library_and_sandbox
CHROMIUM=$(command -v "${CHROMIUM:-chromium}")
tests=sandbox/tests/inspector
if ! cmp --silent $tests/package-lock.json $tests/node_modules/.installed; then
    npm ci --silent --prefix $tests
    cp $tests/package-lock.json $tests/node_modules/.installed
fi

step "Inspector: a program that uses the library"
work=$target/inspector
mkdir -p "$work"
DPOP_CLIENT=$work/dpop
library=$(dirname "$TANGO_TOKEN_LIBRARY")
# shellcheck disable=SC2046 # these are separate options
c++ -std=c++17 examples/cpp/dpop.cpp -o "$DPOP_CLIENT" -I include -L "$library" -ltango_token \
    -Wl,-rpath,"$library" $(pkg-config --cflags --libs libcurl)

step "Inspector: in Chromium"
SCREENSHOTS=$work
export CHROMIUM DPOP_CLIENT SCREENSHOTS
node --test --test-reporter=spec --test-timeout=120000 "$@" $tests/inspector.test.mjs

if [ "${INSPECTOR_SCREENSHOTS:-}" = write ]; then
    cp "$work"/inspector-*.png docs/images/
fi
