#!/usr/bin/env bash
# Checks that the source is the release of a tag, vX.Y.Z, or prints that release's section of the changelog.
#
#     scripts/check-release.sh vX.Y.Z             checks
#     scripts/check-release.sh --notes vX.Y.Z     prints
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
trap - EXIT # the output is the result

if [ "$1" = --notes ]; then
    sed -n "/^## ${2#v} /,/^## /{/^## /d;p}" CHANGELOG.md
    exit
fi
[ "$1" = "v$version" ] || fail "the tag is $1, and the version is $version"
grep --quiet "^## $version - [0-9]\{4\}-[0-9][0-9]-[0-9][0-9]$" CHANGELOG.md ||
    fail "CHANGELOG.md has no date for $version"
grep --quiet "<Version>$version</Version>" bindings/dotnet/Directory.Build.props ||
    fail "the .NET packages are not $version"
for file in bindings/go/go.mod bindings/go/tangoprometheus/go.mod examples/go/go.mod examples/operations/service/go.mod; do
    for module in bindings/go/native/*; do
        grep --quiet "/$module v$version\( // indirect\)\?$" "$file" || fail "$file does not require $module v$version"
    done
done
