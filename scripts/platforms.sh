# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are for the scripts that source this
# Sourced by the scripts beside this file, in the root of the repository: reads the table scripts/platforms.txt.

# Prints the names of all platforms.
platforms() {
    sed '/^#/d; s/ .*//' scripts/platforms.txt
}

# platform NAME: sets a variable for each column of the table, and the names of files there.
platform() {
    local go
    read -r platform triple libc go wheel runner < <(grep "^$1 " scripts/platforms.txt) ||
        fail "there is no platform $1; scripts/platforms.txt has: $(platforms | tr '\n' ' ')"
    goos=${go%/*} goarch=${go#*/}
    case $goos in
    windows) shared=tango_token.dll program_extension=.exe ;;
    darwin) shared=libtango_token.dylib program_extension= ;;
    *) shared=libtango_token.so program_extension= ;;
    esac
    static=libtango_token.a
    # Debian's name for the tools of a triple.
    gnu=${triple/unknown-/}
    gnu=${gnu/x86_64-pc-windows-gnu/x86_64-w64-mingw32}
}
