#!/usr/bin/env bash
# Every test. What it needs beyond Rust is installed where that is possible (Debian, as root), else named.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A package=(
    [cc]=gcc [c++]=g++ [clang++]=clang [nm]=binutils [make]=make [pkg-config]=pkg-config [cmake]=cmake [valgrind]=valgrind
    [python3]=python3 [redis-server]=redis-server [unshare]=util-linux [mount]=mount
    [mcs]=mono-mcs [mono]=mono-runtime
)
lacking=()
[ -f /usr/lib/mono/4.5/System.Net.Http.dll ] || lacking+=(libmono-system-net-http4.0-cil)
python3 -c 'import ensurepip, venv' 2>/dev/null || lacking+=(python3-venv)
# For examples/cpp, and for the key in tests/cpp/dpop.cpp that stays in OpenSSL.
pkg-config --exists libcurl 2>/dev/null || lacking+=(libcurl4-openssl-dev)
pkg-config --exists libcrypto 2>/dev/null || lacking+=(libssl-dev)
for tool in "${!package[@]}"; do
    command -v "$tool" >/dev/null || lacking+=("${package[$tool]}")
done
if [ ${#lacking[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing ${lacking[*]}"
    { apt-get update && apt-get install --yes --no-install-recommends "${lacking[@]}"; } >/dev/null
    lacking=()
fi
if [ ${#lacking[@]} -gt 0 ]; then
    printf 'The tests need what this machine lacks: %s\n' "${lacking[*]}" >&2
    exit 1
fi
. scripts/toolchains.sh

# The shipped library and the sandbox first: most tests run against them, as they are installed.
make --no-print-directory lib sandbox
cargo test --workspace
scripts/test-go.sh
scripts/test-dotnet.sh
scripts/test-python.sh
