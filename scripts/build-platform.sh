#!/usr/bin/env bash
# Builds the shared library, the static library and the sandbox for a platform of scripts/platforms.txt, checks them,
# and puts them into target/platforms/NAME.
#
#     scripts/build-platform.sh NAME [--test] [shared|static|sandbox]...
#
# Without the last arguments it builds all three. --test builds fast instead of small, without the sandbox, for
# scripts/test-platforms.sh, into target/platforms/test/NAME.
#
# Linux: cargo-zigbuild links, for the glibc of the table and for musl, on any Linux. The sandbox is linked statically
# with musl, so that one program runs on every Linux of its processor. Windows: MinGW. macOS: on a Mac only.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh
trap - EXIT # the last lines are the result, not times

[ $# -gt 0 ] || fail "usage: scripts/build-platform.sh NAME [--test] [shared|static|sandbox]..."
platform "$1"
shift
profile=release
made=$target/platforms/$platform
if [ "${1-}" = --test ]; then
    profile="platform-test"
    made=$target/platforms/test/$platform
    shift
fi
if [ $# -gt 0 ]; then
    parts=" $* "
elif [ $profile = release ]; then
    parts=" shared static sandbox "
else
    parts=" shared static "
fi
wants() { [[ $parts = *" $1 "* ]]; }

need_compiler
# nasm: the assembler code of aws-lc for Windows.
case $platform in
linux-*) need readelf=binutils nm=binutils && need_python && need_cargo_zigbuild ;;
win-*) need "$gnu-gcc=gcc-mingw-w64-x86-64" "$gnu-dlltool=binutils-mingw-w64-x86-64" nasm=nasm ;;
osx-*) [ "$(uname)" = Darwin ] || fail "$platform can be linked on a Mac only" ;;
esac
# The static library is made with binutils for the platform's processor.
processor=${triple%%-*}
prefix=
if [[ $platform = linux-* ]] && [ "$processor" != "$(uname -m)" ]; then
    prefix=$processor-linux-gnu-
    need "${prefix}ld=binutils-${processor/_/-}-linux-gnu"
fi

# cargo_for TRIPLE FLAGS COMMAND...: runs a cargo command that builds for this triple, with these flags of rustc.
cargo_for() {
    local triple=$1 flags=$2 cargo=cargo versioned=$1
    shift 2
    need_rust_target "$triple"
    case $triple in
    *-linux-*) cargo="cargo-zigbuild" ;;
    esac
    case $libc in
    glibc-*) [[ $triple = *-musl ]] || versioned=$triple.${libc#glibc-} ;;
    esac
    # The project's own flags replace paths of this machine.
    flags=$(CARGO_ENCODED_RUSTFLAGS=$flags scripts/release_flags.sh)
    CARGO_ENCODED_RUSTFLAGS=$flags $cargo "$@" --profile $profile --target "$versioned"
}

build_library() {
    local types=() flags=
    wants shared && types+=(cdylib)
    wants static && types+=(staticlib)
    # A shared library for musl needs its libc at run time; rustc would refuse to make one that contains it.
    [ "$libc" != musl ] || flags="-Ctarget-feature=-crt-static"
    cargo_for "$triple" "$flags" rustc --package tango-token --lib --crate-type "$(IFS=, && echo "${types[*]}")" \
        --features zeroizing-allocator
    if wants shared; then
        install -D --mode 755 "$target/$triple/$profile/$shared" "$made/$shared"
    fi
    if wants static; then
        static_library "$target/$triple/$profile/$static"
    fi
}

static_library() {
    case $platform in
    linux-*)
        LD=${prefix}ld OBJCOPY=${prefix}objcopy NM=${prefix}nm AR=${prefix}ar \
            scripts/static_library.sh "$1" "$made/$static"
        ;;
    *) install -D --mode 644 "$1" "$made/$static" ;;
    esac
}

build_sandbox() {
    local musl=$triple
    [[ $platform != linux-* ]] || musl=${triple%-*}-musl
    cargo_for "$musl" "" build --package tango-sandbox
    install -D --mode 755 "$target/$musl/$profile/tango-sandbox$program_extension" \
        "$made/tango-sandbox$program_extension"
}

check_shared() {
    local file=$1 dynamic newest
    dynamic=$(readelf --dynamic --wide "$file")
    # The parts of the C library and nothing else: not even libgcc_s, which a small container lacks.
    if grep NEEDED <<<"$dynamic" | grep --invert-match '\[\(libc\|libm\|libdl\|librt\|libpthread\|ld-linux\)[-.]'; then
        fail "$file needs a library that not every system has"
    fi
    grep --quiet "SONAME.*\[libtango_token.so.$abi\]" <<<"$dynamic" || fail "$file: no SONAME libtango_token.so.$abi"
    grep --quiet 'FLAGS_1.*NODELETE' <<<"$dynamic" || fail "$file can be unloaded"
    nm --dynamic --defined-only --format=posix "$file" | sed 's/[ @].*//' | LC_ALL=C sort >"$made/exported"
    header_functions | diff --unified=0 - "$made/exported" >&2 ||
        fail "$file: the exported symbols are not the functions of the header"
    rm "$made/exported"
    newest=$(readelf --dyn-syms --wide "$file" | grep --only-matching 'GLIBC_[0-9.]*' |
        sort --version-sort --unique | tail -n 1 || true)
    newest=${newest/GLIBC_/glibc-}
    [ "$libc" = musl ] && [ -n "$newest" ] && fail "$file is for musl, and needs $newest"
    [ "$libc" = musl ] || [ "$(printf '%s\n' "$libc" "$newest" | sort --version-sort | tail -n 1)" = "$libc" ] ||
        fail "$file needs $newest, and must run with $libc"
}

check_sandbox() {
    if readelf --program-headers --wide "$1" | grep INTERP; then
        fail "$1 is not linked statically"
    fi
}

# check_paths FILE: fails if it names a directory of this machine.
check_paths() {
    local directories=("$HOME/" "$PWD" "${CARGO_HOME:-$HOME/.cargo}" "$target")
    if grep --text --only-matching --fixed-strings "${directories[@]/#/--regexp=}" "$1" | sort | uniq --count; then
        fail "$1 contains paths of this machine"
    fi
}

mkdir -p "$made"
if wants shared || wants static; then build_library; fi
if wants sandbox; then build_sandbox; fi
if [[ $platform = linux-* ]]; then
    ! wants shared || check_shared "$made/$shared"
    ! wants sandbox || check_sandbox "$made/tango-sandbox"
fi
if [ "$goos" = windows ] && wants shared; then scripts/import_libraries.sh "$made"; fi
for file in "$made"/*; do
    [ -f "$file" ] || continue
    check_paths "$file"
    printf '%s: %s, %s bytes\n' "$platform" "$(basename "$file")" "$(stat --format=%s "$file")"
done
