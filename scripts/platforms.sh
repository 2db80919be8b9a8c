# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are for the scripts that source this
# Sourced by the scripts beside this file, in the root of the repository: reads the table scripts/platforms.txt.

# The version in the names of shared libraries.
abi=$(sed -n 's/^pub const TANGO_ABI_VERSION: i32 = \(.*\);/\1/p' src/ffi/abi.rs)

# Prints the names of all platforms.
platforms() {
    sed '/^#/d; s/ .*//' scripts/platforms.txt
}

# platform NAME: sets a variable for each column of the table (`platform` is its name), and those for names of files.
platform() {
    local go
    read -r platform triple libc go wheel < <(grep "^$1 " scripts/platforms.txt) ||
        fail "there is no platform $1; scripts/platforms.txt has: $(platforms | tr '\n' ' ')"
    goos=${go%/*} goarch=${go#*/}
    case $goos in
    windows) shared=tango_token.dll program_extension=.exe ;;
    darwin) shared=libtango_token.dylib program_extension= ;;
    *) shared=libtango_token.so program_extension= ;;
    esac
    static=libtango_token.a
    # What a program that contains the static library is linked with; for glibc the Makefile knows that. gcc's static
    # unwinder is there also for programs that contain musl.
    static_libraries=
    [ "$libc" != musl ] || static_libraries="-lgcc_eh -lc"
    # Debian's name for the tools of a triple.
    gnu=${triple/unknown-/}
    gnu=${gnu/x86_64-pc-windows-gnu/x86_64-w64-mingw32}
}

# install_platform SHARED STATIC SANDBOX VARIABLE=VALUE...: installs these files by `make install`, with its variables.
install_platform() {
    local stage
    stage=$(mktemp --directory)
    mkdir -p "$stage/release/static"
    ln -s "$1" "$stage/release/libtango_token.so"
    ln -s "$2" "$stage/release/static/libtango_token.a"
    ln -s "$3" "$stage/release/tango-sandbox"
    shift 3
    [ -z "$static_libraries" ] || set -- "$@" STATIC_LIBS="$static_libraries"
    make --no-print-directory --silent install CARGO=none TARGET="$stage" "$@"
    rm -r "$stage"
}
