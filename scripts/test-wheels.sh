#!/usr/bin/env bash
# Uses the Python wheels of other platforms in a Python of that platform, as far as this machine can run one: installs
# them with pip into an empty directory, and runs the tests of bindings/python with them.
#
#     scripts/test-wheels.sh [PLATFORM...]
#
# Windows runs under Wine, with CPython 3.12 and a sandbox for Windows; musl by its own loader, with CPython 3.11, which
# is built here (scripts/interpreters.sh). The wheels are built fast (scripts/build-wheels.sh --test). RELEASE=1 builds
# and tests those that are shipped, and BUILT=1 takes what is there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh
. scripts/interpreters.sh

readonly package=bindings/python
build_options=(--test)
built=$target/wheels/test
if [ -n "${RELEASE:-}" ]; then
    build_options=()
    built=$target/wheels
fi

# What is left out: `files` of bindings/python/tests, and `tests` by parts of their names.
leave_out_on_windows() {
    # There is no fork, and no server that forks.
    files=(test_forks test_prefork)
    # It reads /proc.
    files+=(test_leaks)
    # Node.js and its server are those of this machine.
    files+=(test_oidc_provider)
    # They are about HTTP clients, which are the same in Python everywhere, and take many minutes under Wine. The
    # examples call an API as well.
    files+=(test_adapters test_redirects)
    tests=(adapters_work_with_the_fake)
    # They start pytest for each test, which takes minutes under Wine as well.
    files+=(test_pytest_plugin)
    # There are no signals, and no interval timer.
    tests+=(ctrl_c signal_handlers)
    # They fork, or read /proc.
    tests+=(fork acquire_starts_one_or_two_threads)
    # They hold the GIL in a function of the C library that Python itself was loaded with.
    tests+=(program_holds_the_gil without_the_network_thread)
    # It changes permissions, and writes paths of Windows into strings of TOML.
    files+=(test_profiles)
}

leave_out_on_musl() {
    # Their servers and HTTP clients need `ssl`, which this Python is built without, as without `ctypes` and `zlib`. So
    # do the event loops beside that of `asyncio`.
    files=(test_adapters test_redirects test_oidc_provider test_prefork)
    files+=(test_fake_client test_pytest_plugin)
    # They run for minutes, most of it in Python itself. Other tests fork as well.
    files+=(test_forks test_leaks)
    # They verify proofs with the package cryptography, whose libgcc_s has relocations (RELR) that Debian's musl does
    # not know yet. Other tests use keys and proofs as well.
    files+=(test_arguments test_dpop)
    tests=(finalizer_of_a_signer anyio)
    # Their programs use `ctypes`.
    tests+=(program_holds_the_gil without_the_network_thread)
    # These programs are HTTP clients.
    tests+=(requests_dpop hundred_calls)
}

# prepare: sets `python`, `python_version` and `packages` for the platform, and what is left out.
prepare() {
    packages=(pytest anyio)
    case $platform in
    win-x64)
        need_wine
        need_windows_python
        python_version=3.12
        packages+=(pyjwt cryptography requests httpx "aiohttp>=3.12" colorama)
        leave_out_on_windows
        ;;
    linux-musl-x64)
        need /lib/ld-musl-x86_64.so.1=musl
        need_musl_python
        python_version=3.11
        leave_out_on_musl
        ;;
    *) fail "there is no Python for $platform; scripts/test-python.sh tests on this machine's platform" ;;
    esac
}

# install DIRECTORY PACKAGE...: for the Python of the platform.
install() {
    local directory=$1
    shift
    "$wheel_python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary :all: \
        --target "$directory" --platform "$wheel" --implementation cp --python-version $python_version \
        --abi "cp${python_version/./}" --abi abi3 --abi none "$@"
}

# Exports TANGO_SANDBOX. Windows has one of its own, whose paths its programs can read.
need_sandbox() {
    if [ "$platform" = win-x64 ]; then
        local directory=${TANGO_WINDOWS:-$target/platforms/test/win-x64}
        [ -e "$directory/tango-sandbox.exe" ] || scripts/build-platform.sh win-x64 --test sandbox
        TANGO_SANDBOX=$(windows_path "$(realpath "$directory/tango-sandbox.exe")")
    else
        TANGO_SANDBOX=${sandbox:-$target/release/tango-sandbox}
        [ -e "$TANGO_SANDBOX" ] || make --no-print-directory sandbox
    fi
    export TANGO_SANDBOX
}

# The packages of others are kept; the wheel is installed into a new directory each time.
install_all() {
    local others=$work/packages wheels=("$built"/tango_token-*"${wheel#manylinux2014_}.whl")
    [ -e "${wheels[0]}" ] || fail "there is no wheel for $platform in $built"
    if [ "$(cat "$others/.packages" 2>/dev/null)" != "$wheel ${packages[*]}" ]; then
        rm -rf "$others"
        install "$others" "${packages[@]}"
        echo "$wheel ${packages[*]}" >"$others/.packages"
    fi
    rm -rf "$work/wheel"
    install "$work/wheel" --no-deps --no-index "${wheels[@]}"
    if [ "$platform" = win-x64 ]; then
        PYTHONPATH="$(windows_path "$work/wheel");$(windows_path "$others");$(windows_path "$PWD/$package/tests")"
        PYTHONPYCACHEPREFIX=$(windows_path "$toolchains/python-windows-3.12.1/cache")
    else
        PYTHONPATH=$work/wheel:$others:$PWD/$package/tests
        PYTHONPYCACHEPREFIX=$(dirname "$(dirname "$python")")/cache
    fi
    export PYTHONPATH PYTHONPYCACHEPREFIX
}

run_tests() {
    local options=() name log=$work/tests.log selected
    for name in "${files[@]}"; do options+=("--ignore=tests/$name.py"); done
    selected=$(printf ' and not %s' "${tests[@]}")
    [ ${#tests[@]} = 0 ] || options+=(-k "${selected# and }")
    (cd $package && timeout --kill-after=5 1200 "$python" -m pytest -p no:cacheprovider --quiet --tb=short \
        -o faulthandler_timeout=120 "${options[@]}" </dev/null) >"$log" 2>&1 || {
        cat "$log"
        fail "$platform: tests failed"
    }
    printf 'the wheel for %s, without %s files of tests and %s tests: %s tests passed\n' "$platform" "${#files[@]}" \
        "${#tests[@]}" "$(sed -nE 's/^([0-9]+) passed.*/\1/p' "$log")"
}

[ $# -gt 0 ] || set -- win-x64 linux-musl-x64
sandbox=${TANGO_SANDBOX:-}
need_compiler
need_python
need_wheel_tools
[ -n "${BUILT:-}" ] || scripts/build-wheels.sh "${build_options[@]}" "$@"
for name in "$@"; do
    platform "$name"
    step "Python: the wheel for $platform is used"
    work=$target/wheels/used/$platform
    mkdir -p "$work"
    prepare
    need_sandbox
    install_all
    run_tests
done
