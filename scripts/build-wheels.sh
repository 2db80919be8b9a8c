#!/usr/bin/env bash
# Builds the Python wheel for platforms of scripts/platforms.txt, checks them, and puts them into target/wheels. One
# wheel is for all versions of CPython (abi3).
#
#     scripts/build-wheels.sh [--test] [PLATFORM...]
#
# Without a name it builds for linux-x64. --test builds fast instead of small, into target/wheels/test.
#
# If the sandbox of the platform is in target/platforms, its wheel is made as well: `pip install tango-token[sandbox]`.
#
# The checks: the C library that is needed (auditwheel), the stable ABI of Python (abi3audit), what PyPI accepts
# (twine), and paths of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

profile=release
wheels=$target/wheels
if [ "${1-}" = --test ]; then
    profile="platform-test"
    wheels=$target/wheels/test
    shift
fi
[ $# -gt 0 ] || set -- linux-x64

need_compiler
need_python
need_wheel_tools
# auditwheel calls it.
[ "$(uname)" = Darwin ] || need readelf=binutils
mkdir -p "$wheels"

# build: builds the wheel of the platform into the empty directory $built.
build() {
    local options=() flags=
    need_rust_target "$triple"
    case $platform in
    linux-*) options=(--zig) ;;
    win-*) need "$gnu-gcc=gcc-mingw-w64-x86-64" nasm=nasm ;;
    osx-*) [ "$(uname)" = Darwin ] || fail "$platform can be linked on a Mac only" ;;
    esac
    # A module for musl uses the libc of the interpreter; rustc would put one into it.
    [ "$libc" != musl ] || flags=-Ctarget-feature=-crt-static
    flags=$(CARGO_ENCODED_RUSTFLAGS=$flags scripts/release_flags.sh)
    # Without the processor, which it adds.
    [[ $platform != linux-* ]] || options+=(--compatibility "$(sed 's/_x86_64$//; s/_aarch64$//' <<<"$wheel")")
    CARGO_ENCODED_RUSTFLAGS=$flags maturin build --profile $profile --target "$triple" "${options[@]}" --quiet \
        --interpreter python3.9 --manifest-path bindings/python/Cargo.toml --out "$built"
}

# check FILE
check() {
    local name report
    name=$(basename "$1")
    [[ $platform = osx-* ]] || [[ $name = *"-cp39-abi3-"*"${wheel#manylinux2014_}.whl" ]] ||
        fail "$name is not for cp39, abi3 and $wheel"
    python3 -m zipfile --extract "$1" "$built/unpacked"
    if grep --recursive --text --only-matching --fixed-strings -e "$HOME/" -e "$PWD" -e "$target" \
        "$built/unpacked/tango_token"; then
        fail "$name contains paths of this machine"
    fi
    if [ "$libc" = musl ]; then
        # musl's own name of its library, which every loader of musl takes for itself; auditwheel knows Alpine's alone.
        report=$(readelf --dynamic --wide "$built"/unpacked/tango_token/*.so | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
        [ "$report" = libc.so ] || fail "$name needs more than the library of musl: $report"
    elif [[ $platform = linux-* ]]; then
        # PyPI's rule for a wheel that names a C library. manylinux2014 is its older name for manylinux_2_17.
        report=$("$wheel_python" -m auditwheel show "$1" | tr '\n' ' ')
        grep --quiet "consistent with.*\"${wheel/manylinux2014/manylinux_2_17}\"" <<<"$report" ||
            fail "auditwheel: $name does not run where it says: $report"
    fi
    "$wheel_python" -m abi3audit --strict "$1"
    "$wheel_python" -m twine check --strict "$1"
}

# The sandbox of Linux is one static program, for each C library. Its wheel is made once for a processor.
sandbox() {
    local program=$target/platforms/$platform/tango-sandbox$program_extension tag=$wheel
    [ -s "$program" ] && [ "$libc" != musl ] || return 0
    [[ $platform != linux-* ]] || tag+=.${wheel/manylinux2014/manylinux_2_17}.${wheel/manylinux2014/musllinux_1_1}
    scripts/licenses.py "$triple" "$built/licenses" tango-sandbox
    scripts/sandbox_wheel.py "$program" "$built/licenses" "$tag" "$built/sandbox"
    "$wheel_python" -m twine check --strict "$built"/sandbox/*.whl
    cp "$built"/sandbox/*.whl "$wheels/"
}

step "Python: licences of the bundled crates"
python3 scripts/licenses.py --check python
for name in "$@"; do
    platform "$name"
    step "Python: wheel for $platform"
    built=$(mktemp --directory)
    build
    check "$built"/*.whl
    cp "$built"/*.whl "$wheels/"
    sandbox
    printf '%s: %s bytes\n' "$(basename "$built"/*.whl)" "$(stat --format=%s "$built"/*.whl)"
    rm -r "$built"
done
