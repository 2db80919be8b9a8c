#!/usr/bin/env bash
# The Python package: builds the wheel that would be published, and tests it in a clean virtual environment of each Python
# that is found. `scripts/test-python.sh bench` measures instead. All that is installed goes under target/python, but for
# wrk (Debian, as root).
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
work=$target/python
package=bindings/python
sandbox_tests=(pytest requests httpx "aiohttp>=3.12" uvloop anyio gunicorn celery pyjwt cryptography trustme)

step() { printf '== %s\n' "$*"; }
fail() {
    echo "$*" >&2
    exit 1
}

# One executable for each version from 3.9 on, the newest first.
pythons() {
    local minor candidate
    for minor in $(seq 20 -1 9); do
        for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3."$minor".*/bin/python "$(command -v "python3.$minor" || true)"; do
            if [ -x "$candidate" ] && "$candidate" -c "import sys, venv, ensurepip; assert sys.version_info[:2] == (3, $minor)" 2>/dev/null; then
                echo "$candidate"
                break
            fi
        done
    done
}

# environment NAME PYTHON PACKAGES...: a virtual environment that holds these and nothing else; prints its Python.
environment() {
    local folder=$work/$1 python=$2
    shift 2
    if [ "$(cat "$folder/.holds" 2>/dev/null)" != "$python $*" ]; then
        rm -rf "$folder"
        "$python" -m venv "$folder" >&2
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
        echo "$python $*" >"$folder/.holds"
    fi
    echo "$folder/bin/python"
}

# with_wheel PYTHON: the same environment with the wheel of now, and not one of before.
with_wheel() {
    "$1" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$wheel"
}

mapfile -t found < <(pythons)
[ ${#found[@]} -gt 0 ] || fail "The Python package needs Python 3.9 or later, with venv"
newest=${found[0]}
if ! command -v wrk >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update && apt-get install --yes --no-install-recommends wrk; } >/dev/null
fi
command -v wrk >/dev/null || fail "The Python tests need wrk"
. scripts/toolchains.sh

step "licences of the bundled crates"
"$newest" "$package/licenses.py" --check

step "wheel"
tools=$(environment tools "$newest" "maturin>=1.9.4,<2" ziglang auditwheel)
rm -rf "$work/wheels"
PATH="$(dirname "$tools"):$PATH" maturin build --release --zig --compatibility manylinux2014 --quiet \
    --manifest-path "$package/Cargo.toml" --out "$work/wheels"
wheel=$(echo "$work"/wheels/*.whl)
"$tools" -m auditwheel show "$wheel" | tr '\n' ' ' | grep --quiet 'consistent with.*manylinux_2_17' ||
    fail "auditwheel: $wheel does not run on glibc 2.17"

if [ "${1-}" = bench ]; then
    python=$(environment bench "$newest" pyjwt cryptography msal authlib requests uvloop)
    with_wheel "$python"
    "$python" "$package/benches/compare.py"
    exit
fi

step "source distribution: builds in a folder of its own, offline but for what Cargo has"
rm -rf "$work/sdist" && mkdir -p "$work/sdist"
PATH="$(dirname "$tools"):$PATH" maturin sdist --manifest-path "$package/Cargo.toml" --out "$work/sdist"
tar -xzf "$work"/sdist/*.tar.gz -C "$work/sdist"
unpacked=$(echo "$work"/sdist/*/)
(cd "$unpacked" && CARGO_NET_OFFLINE=true CARGO_TARGET_DIR="$work/sdist-target" PATH="$(dirname "$tools"):$PATH" \
    maturin build --profile dev --quiet --out "$work/sdist")
built=$(environment sdist-trial "$newest" pip)
"$built" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$work"/sdist/*.whl
"$built" -c 'import tango_token; tango_token.DpopKey.generate()'

step "what the tests talk to"
make --no-print-directory sandbox
if ! cmp --silent tests/oidc-provider/package-lock.json tests/oidc-provider/node_modules/.installed; then
    npm ci --silent --prefix tests/oidc-provider
    cp tests/oidc-provider/package-lock.json tests/oidc-provider/node_modules/.installed
fi

for python in "${found[@]}"; do
    step "tests on $("$python" --version)"
    python=$(environment "test-$("$python" -c 'import sys; print(*sys.version_info[:2], sep=".")')" "$python" "${sandbox_tests[@]}")
    with_wheel "$python"
    (cd "$package" && "$python" -m pytest --quiet)
done

step "types"
python=$(environment types "$newest" "${sandbox_tests[@]}" mypy typing_extensions)
with_wheel "$python"
"$python" -m mypy.stubtest tango_token
(cd "$package" && "$python" -m mypy --strict python/tango_token tests)
"$python" -m mypy --strict examples/python tests/conformance/runner.py
