# shellcheck shell=bash
# shellcheck disable=SC2154 # scripts/toolchains.sh sets `toolchains`
# Sourced by scripts/test-wheels.sh: Pythons of other platforms, in target/toolchains, each as a program that this
# machine starts. Beside each is a file `complete`, which is written last.

readonly windows_cpython=org.bytedeco:cpython:3.12.1-1.5.10:jar:windows-x86_64
readonly windows_cpython_sum=e69bc4491c311e19ea7169bafc5efbbe03b980d69c6962b049daf1fcb4913391

# Sets `python` to CPython 3.12 for Windows, which Maven Central has for programs in Java, run by Wine.
need_windows_python() {
    local directory=$toolchains/python-windows-3.12.1 jar
    python=$directory/wine-python
    [ ! -e "$directory/complete" ] || return 0
    need mvn=maven
    echo "Installing CPython for Windows into target/toolchains"
    rm -rf "$directory"
    mkdir -p "$directory"
    mvn --batch-mode --quiet dependency:copy -Dartifact=$windows_cpython -DoutputDirectory="$directory" >&2
    jar=$(echo "$directory"/*.jar)
    sha256sum --check --quiet <<<"$windows_cpython_sum  $jar"
    python3 -m zipfile --extract "$jar" "$directory/unpacked"
    mv "$directory"/unpacked/org/bytedeco/cpython/windows-x86_64 "$directory/files"
    # Wine's WMI, by which Python asks for the version of Windows, ends the process. Python has another way.
    rm -r "$jar" "$directory/unpacked" "$directory/files/lib/_wmi.pyd"

    # It lacks python3.dll, by which a module for each version of Python finds the DLL of one version: nothing but a
    # list of names.
    printf '%s\n' "LIBRARY python3.dll" EXPORTS >"$directory/python3.def"
    x86_64-w64-mingw32-nm "$directory/files/libs/python3.lib" 2>/dev/null |
        sed -n 's/.* I __imp_\(.*\)/\1 = python312.\1/p' | sort --unique >>"$directory/python3.def"
    x86_64-w64-mingw32-gcc-posix -shared -nostdlib -Wl,--entry=0 "$directory/python3.def" \
        -o "$directory/files/python3.dll"

    # Python cannot open a file of this machine as its standard streams, only a pipe.
    # shellcheck disable=SC2016 # the variables are those of the script that is written
    printf '#!/bin/bash\nset -o pipefail\nwine "%s/files/python.exe" "$@" </dev/null 2>&1 | cat\n' \
        "$directory" >"$python"
    chmod +x "$python"
    touch "$directory/complete"
}

# Sets `python` to CPython 3.11 for musl on x86-64, built from Debian's source.
need_musl_python() {
    local directory=$toolchains/python-musl-x86_64 source compiler
    python=$directory/bin/python3.11
    [ ! -e "$directory/complete" ] || return 0
    need make=make
    need_cargo_zigbuild
    need_source python3.11
    echo "Building CPython for musl into target/toolchains"
    rm -rf "$directory"
    mkdir -p "$directory/build" "$directory/bin" "$directory/lib/python3.11/lib-dynload"
    compiler=$directory/build/cc
    printf '#!/bin/sh\nexec "%s" cc -target x86_64-linux-musl -dynamic -fno-sanitize=undefined -Wno-date-time "$@"\n' \
        "$(zig_program)" >"$compiler"
    chmod +x "$compiler"
    # All modules are in the program. Those that need a library are left out: ssl, ctypes, zlib, sqlite3. The module and
    # the two functions that are taken out are in zig's musl, but not in Debian's.
    (
        cd "$directory/build"
        PKG_CONFIG=false "$source/configure" --quiet CC="$compiler" AR="$(zig_program) ar" CFLAGS="-O1 -g0" OPT= \
            --without-ensurepip --disable-test-modules MODULE_BUILDTYPE=static \
            ac_cv_func_preadv2=no ac_cv_func_pwritev2=no
        grep --invert-match '^_crypt ' Modules/Setup.stdlib >Modules/Setup.local
        make --jobs="$(nproc)" SOABI="cpython-311-x86_64-linux-musl" python
    ) >"$directory/build.log" 2>&1 || {
        tail -n 30 "$directory/build.log"
        fail "CPython for musl cannot be built"
    }
    cp --recursive "$source/Lib/." "$directory/lib/python3.11"
    cp "$directory/build/python" "$python"
    rm -r "$directory/build" "$source"
    touch "$directory/complete"
}

# need_source PACKAGE: sets `source` to a new directory with the source of a Debian package, without Debian's patches.
need_source() {
    local package=$1 state=$toolchains/apt-sources file archive
    source=$state/$package
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/from"
    # apt keeps its lists of sources in a place of their own, so that this machine's stay as they are.
    local apt=(apt-get --option "Dir::State=$state" --option "Dir::State::Lists=$state/lists"
        --option "Dir::Cache=$state/cache" --option Dir::Etc::SourceList=/dev/null
        --option "Dir::Etc::SourceParts=$state/from")
    rm -rf "$source"
    mkdir "$source"
    if ! compgen -G "$state/${package}_*.orig.tar.*" >/dev/null; then
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ ! -e "$file" ] ||
                sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$file" >"$state/from/${file##*/}"
        done
        (
            cd "$state" || exit
            "${apt[@]}" update >/dev/null
            "${apt[@]}" source --download-only --tar-only "$package" >/dev/null
        )
    fi
    archive=$(compgen -G "$state/${package}_*.orig.tar.*")
    tar --extract --file "$archive" --directory "$source" --strip-components 1 \
        --exclude '*/Lib/test' --exclude '*/Lib/idlelib' --exclude '*/Lib/lib2to3' --exclude '*/Doc'
}
