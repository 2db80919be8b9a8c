#!/usr/bin/env bash
# Tests the Python package: builds the wheel as it would be published, and tests it in a clean virtual environment of
# each Python that it finds. Everything that it installs goes into target/python, except wrk (Debian, as root).
#
#     scripts/test-python.sh [bench | wheel | OPTION OF PYTEST...]
#
# `wheel` builds the wheel alone, into target/python/wheels. `bench` measures instead of testing. Options of pytest,
# such as `-k leak`, select tests, and nothing else is checked.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

work=$target/python
package=bindings/python
test_packages=(pytest requests httpx "aiohttp>=3.12" uvloop anyio gunicorn celery pyjwt cryptography trustme
    prometheus-client)

# Prints one executable for each version from 3.9 on, the newest first.
pythons() {
    local minor candidate pyenv=${PYENV_ROOT:-$HOME/.pyenv}
    for minor in $(seq 20 -1 9); do
        for candidate in "$pyenv"/versions/3."$minor".*/bin/python "$(command -v "python3.$minor" || true)"; do
            if is_usable "$candidate" "$minor"; then
                echo "$candidate"
                break
            fi
        done
    done
}

# is_usable PYTHON MINOR: a command of that name may start another version.
is_usable() {
    [ -x "$1" ] && "$1" -c "import sys, venv, ensurepip; assert sys.version_info[:2] == (3, $2)" 2>/dev/null
}

# environment NAME PYTHON PACKAGE...: makes a virtual environment with these packages alone, and prints its Python.
environment() {
    local directory=$work/$1 python=$2
    shift 2
    if [ "$(cat "$directory/.packages" 2>/dev/null)" != "$python $*" ]; then
        rm -rf "$directory"
        "$python" -m venv "$directory" >&2
        "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
        echo "$python $*" >"$directory/.packages"
    fi
    echo "$directory/bin/python"
}

# install_wheel PYTHON: installs the wheel that was just built, whatever version of it was there.
install_wheel() {
    "$1" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$wheel"
}

need_compiler
need_python
need wrk=wrk
need_node
mapfile -t found < <(pythons)
[ ${#found[@]} -gt 0 ] || fail "The Python package needs Python 3.9 or later, with venv"
newest=${found[0]}

step "Python: licences of the bundled crates"
"$newest" scripts/licenses.py --check python

step "Python: wheel"
tools=$(environment tools "$newest" "maturin>=1.9.4,<2" ziglang auditwheel)
rm -rf "$work/wheels"
CARGO_ENCODED_RUSTFLAGS=$(scripts/release_flags.sh) PATH="$(dirname "$tools"):$PATH" \
    maturin build --release --zig --compatibility manylinux2014 --quiet \
    --manifest-path "$package/Cargo.toml" --out "$work/wheels"
wheel=$(echo "$work"/wheels/*.whl)
"$newest" -m zipfile --extract "$wheel" "$work/wheels/unpacked"
if grep --text --only-matching --fixed-strings -e "$HOME/" -e "$PWD" "$work"/wheels/unpacked/tango_token/*.so; then
    fail "the wheel contains paths of this machine"
fi
"$tools" -m auditwheel show "$wheel" | tr '\n' ' ' | grep --quiet 'consistent with.*manylinux_2_17' ||
    fail "auditwheel: $wheel does not run on glibc 2.17"

[ "${1-}" != wheel ] || exit 0

if [ "${1-}" = bench ]; then
    python=$(environment bench "$newest" pyjwt cryptography msal authlib requests uvloop)
    install_wheel "$python"
    "$python" "$package/benches/compare.py"
    exit
fi

step "Python: servers that the tests use"
make --no-print-directory sandbox
if ! cmp --silent tests/oidc-provider/package-lock.json tests/oidc-provider/node_modules/.installed; then
    npm ci --silent --prefix tests/oidc-provider
    cp tests/oidc-provider/package-lock.json tests/oidc-provider/node_modules/.installed
fi

# test_on VERSION: the tests share nothing but files that they read, and each server has a port of its own.
test_on() {
    local python
    python=$(environment "test-$1" "${by_version[$1]}" "${test_packages[@]}")
    install_wheel "$python"
    (cd "$package" && "$python" -m pytest --quiet -p no:cacheprovider "${options[@]}")
}
step "Python: tests on each version"
options=("$@")
declare -A by_version=()
versions=()
for python in "${found[@]}"; do
    found_version=$("$python" --version)
    versions+=("${found_version#Python }")
    by_version[${versions[-1]}]=$python
done
two_at_a_time test_on "${versions[@]}"

# Options have selected tests.
[ $# = 0 ] || exit 0

step "Python: source distribution: builds outside of the repository, offline"
rm -rf "$work/sdist" && mkdir -p "$work/sdist"
PATH="$(dirname "$tools"):$PATH" maturin sdist --manifest-path "$package/Cargo.toml" --out "$work/sdist"
tar -xzf "$work"/sdist/*.tar.gz -C "$work/sdist"
unpacked=$(echo "$work"/sdist/*/)
(cd "$unpacked" && CARGO_NET_OFFLINE=true CARGO_TARGET_DIR="$work/sdist-target" PATH="$(dirname "$tools"):$PATH" \
    maturin build --profile dev --quiet --out "$work/sdist")
built=$(environment sdist-trial "$newest" pip)
"$built" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall "$work"/sdist/*.whl
"$built" -c 'import tango_token; tango_token.DpopKey.generate()'

step "Python: types"
python=$(environment types "$newest" "${test_packages[@]}" mypy typing_extensions)
install_wheel "$python"
"$python" -m mypy.stubtest tango_token
(cd "$package" && "$python" -m mypy --strict python/tango_token tests)
"$python" -m mypy --strict examples/python tests/conformance/runner.py
