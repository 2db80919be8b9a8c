#!/usr/bin/env bash
# Makes what is published beside the packages of languages, into dist/: for each platform an archive, for Linux also
# packages for Debian, RPM and Alpine, and SHA256SUMS over all files there.
#
#     scripts/dist.sh [NAME...]      by default all platforms that can be built on this machine
#
# An archive has the headers, the shared and the static library, files for pkg-config and CMake, the sandbox, examples,
# the licences of what is linked, and a bill of materials. The same source makes the same bytes: files are sorted, and
# all times are that of the commit. DIST_BUILT=1 takes target/platforms as it is, without a build.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh
umask 022

readonly work=$target/dist
readonly dist=dist
need_compiler
need_python
need git=git

# A copy has no repository, so its caller says when it was made.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

# Copies what no build makes: licences, documents, and examples in C and C++.
copy_documents() {
    local directory=$1/share/doc/tango-token
    mkdir -p "$directory/examples"
    cp README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$directory/"
    cp -R examples/c examples/cpp "$directory/examples/"
    cp "$licenses" "$directory/THIRD-PARTY-LICENSES.txt"
    cp "$bom" "$directory/tango-token.cdx.json"
}

# Sets `licenses` and `bom`, of what is linked into the files of the platform.
describe() {
    licenses=$work/$platform-licenses.txt
    bom=$work/$platform.cdx.json
    local triples=$triple
    # Debian can install a library for two processors at once, if both packages have the same documents.
    [[ $platform != linux-* ]] || triples=x86_64-${triple#*-},aarch64-${triple#*-}
    scripts/licenses.py "$triples" "$licenses" tango-token tango-sandbox
    TARGET=$triple scripts/sbom.py tango-token "$bom" --features zeroizing-allocator
}

# archive TREE: an archive of this directory, in dist/.
archive() {
    local name
    name=$(basename "$1")
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    if [ "$goos" = windows ]; then
        need zip=zip
        rm -f "$dist/$name.zip"
        (cd "$(dirname "$1")" && find "$name" | LC_ALL=C sort | TZ=UTC zip -X -9 -q -@ -) >"$dist/$name.zip"
    else
        tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar \
            --directory "$(dirname "$1")" "$name" | gzip --no-name --best >"$dist/$name.tar.gz"
    fi
}

# distribution FORMAT LIBDIR: packages of one kind.
distribution() {
    local tree=$work/$1-$goarch
    rm -rf "$tree"
    install_platform "$built/$shared" "$built/$static" "$built/tango-sandbox" DESTDIR="$tree" PREFIX=/usr LIBDIR="$2"
    scripts/packages.py "$1" "$goarch" "$tree" "$licenses" "$dist"
}

# The layout that Windows expects: the DLL beside programs, the libraries to link with in lib. On macOS all are there.
install_without_make() {
    local tree=$1 program=tango-sandbox$program_extension
    mkdir -p "$tree/bin" "$tree/include" "$tree/lib"
    cp include/tango_token.h include/tango_token.hpp "$tree/include/"
    # From a workflow's archive, files come without their modes.
    install -m 755 "$built/$program" "$tree/bin/"
    case $goos in
    windows)
        cp "$built/$shared" "$tree/bin/"
        cp "$built"/*.a "$built"/*.lib "$built"/*.def "$tree/lib/"
        ;;
    darwin)
        # Programs remember the name with the version, which build.rs puts into the library.
        cp "$built/$shared" "$tree/lib/libtango_token.$abi.dylib"
        ln -s "libtango_token.$abi.dylib" "$tree/lib/$shared"
        cp "$built/$static" "$tree/lib/"
        ;;
    esac
}

# Writes the sizes into docs/platforms.md.
record() {
    local archive kinds=-
    archive=$(find "$dist" -name "tango-token-$version-$platform.*")
    case $platform in
    linux-musl-*) kinds=".apk" ;;
    linux-*) kinds=".deb, .rpm" ;;
    esac
    scripts/platform_table.py "$platform" built=yes "shared library=$(megabytes "$built/$shared")" \
        "archive=$(megabytes "$archive")" "packages=$kinds"
}

megabytes() { awk "BEGIN { printf \"%.1f MB\", $(stat --dereference --format=%s "$1") / 1000000 }"; }

linux() {
    local tree=$work/tango-token-$version-$platform
    rm -rf "$tree"
    install_platform "$built/$shared" "$built/$static" "$built/tango-sandbox" DESTDIR="$tree" PREFIX=/ LIBDIR=/lib
    copy_documents "$tree"
    archive "$tree"
    case $platform in
    linux-musl-*) distribution apk /usr/lib ;;
    linux-*)
        distribution deb "/usr/lib/$gnu"
        distribution rpm /usr/lib64
        ;;
    esac
}

windows_or_macos() {
    local tree=$work/tango-token-$version-$platform
    rm -rf "$tree"
    install_without_make "$tree"
    copy_documents "$tree"
    archive "$tree"
}

if [ $# = 0 ]; then
    mapfile -t names < <(platforms | grep --invert-match '^osx-')
    set -- "${names[@]}"
fi
need_go
need_nfpm
need dpkg-deb=dpkg rpmbuild=rpm
rm -rf "$dist" "$work"
mkdir -p "$dist" "$work"
for name in "$@"; do
    platform "$name"
    built=$target/platforms/$platform
    step "$name: build"
    [ -n "${DIST_BUILT:-}" ] || scripts/build-platform.sh "$name"
    step "$name: packages"
    describe
    case $platform in
    linux-*) linux ;;
    *) windows_or_macos ;;
    esac
    record
done
step "sums"
(cd "$dist" && LC_ALL=C sha256sum -- *) >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" "$dist/"
ls -l "$dist"
