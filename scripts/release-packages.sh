#!/usr/bin/env bash
# Makes all packages of a release from what was built for each platform, and puts them into target/release-packages:
#
#     dist/       archives, packages of Linux distributions, recipes, bills of materials, SHA256SUMS
#     wheels/     for PyPI, with the source distribution
#     nuget/      for nuget.org
#     go/         the Go modules, as a proxy serves them
#     platforms/  the libraries themselves, for the Go modules
#
#     scripts/release-packages.sh [PLATFORM...]
#
# Without a name it takes all platforms of scripts/platforms.txt, as a release does. The library of each is in
# target/platforms, and its wheel in target/wheels: scripts/build-platform.sh and scripts/build-wheels.sh put them
# there.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
. scripts/platforms.sh

if [ $# = 0 ]; then
    mapfile -t names < <(platforms)
    set -- "${names[@]}"
fi
made=$target/release-packages
rm -rf "$made"
mkdir -p "$made/wheels"

step "release: every platform is there"
for name in "$@"; do
    platform "$name"
    [ -s "$target/platforms/$platform/$shared" ] || fail "target/platforms/$platform/$shared is missing"
    [ -s "$target/platforms/$platform/tango-sandbox$program_extension" ] ||
        fail "target/platforms/$platform has no sandbox"
    for kind in tango_token tango_token_sandbox; do
        # The wheel of the sandbox is for each C library.
        [ "$libc" = musl ] && [ $kind = tango_token_sandbox ] && continue
        files=("$target/wheels/$kind-$version"-*[.-]"$wheel".*)
        [ -e "${files[0]}" ] || fail "target/wheels has no wheel $kind for $platform"
    done
done

step "release: archives and packages of distributions"
DIST_BUILT=1 scripts/dist.sh "$@"
cp -R dist "$made/"

step "release: wheels"
need_python
need_wheel_tools
cp "$target"/wheels/*.whl "$made/wheels/"
maturin sdist --manifest-path bindings/python/Cargo.toml --out "$made/wheels"
"$wheel_python" -m twine check --strict "$made"/wheels/*

step "release: NuGet"
scripts/pack-dotnet.sh "$@"
cp -R "$target/nuget/packages" "$made/nuget"

step "release: Go modules"
scripts/go-native.sh "$@"
scripts/go_proxy.py "$made/go"
scripts/go-native.sh --remove
mkdir "$made/platforms"
for name in "$@"; do
    platform "$name"
    install -D "$target/platforms/$platform/$shared" "$made/platforms/$platform/$shared"
done

step "release: recipes and bills of materials"
scripts/recipes.py dist "$target/recipes"
tar --create --gzip --sort=name --mtime="@$(git log -1 --format=%ct)" --owner=0 --group=0 --numeric-owner \
    --file "$made/dist/recipes-$version.tar.gz" --directory "$target" recipes
scripts/sbom.sh
cp "$target"/sbom/* "$made/dist/"
(cd "$made/dist" && rm -f SHA256SUMS && sha256sum -- * >SHA256SUMS)
find "$made" -type f -printf '%10s %P\n'
