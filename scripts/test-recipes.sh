#!/usr/bin/env bash
# Tests the recipes of vcpkg, Conan and Homebrew with the archive of this machine's platform.
#
#     scripts/test-recipes.sh DIST      the directory with the archives of `make dist`
#
# Conan itself makes its packages, shared and static, and a program with each. vcpkg and Homebrew are not here: the port
# runs with the few functions of vcpkg that it calls, as their documents describe them, and the formula is only parsed.
set -euo pipefail
dist=$(realpath "$1")
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
need_compiler
need_python
need cmake=cmake ruby=ruby

work=$target/recipes
rm -rf "$work"
scripts/recipes.py --url "file://$dist" "$dist" "$work"

step "recipes: Conan"
need_conan
export CONAN_HOME=$work/conan-home
conan profile detect >/dev/null 2>&1
for shared in True False; do
    conan create "$work/conan" --options "&:shared=$shared" >"$work/conan.log" 2>&1 ||
        fail "$(tail -50 "$work/conan.log")"
    grep "^tango-token $version: " "$work/conan.log" || fail "the program did not run: $(tail -50 "$work/conan.log")"
done

step "recipes: vcpkg"
python3 -m json.tool "$work/vcpkg/ports/tango-token/vcpkg.json" >/dev/null
cat >"$work/vcpkg.cmake" <<'CMAKE'
function(vcpkg_download_distfile variable)
  cmake_parse_arguments(file "" "FILENAME;SHA512" "URLS" ${ARGN})
  file(DOWNLOAD "${file_URLS}" "${WORK}/${file_FILENAME}" EXPECTED_HASH "SHA512=${file_SHA512}")
  set("${variable}" "${WORK}/${file_FILENAME}" PARENT_SCOPE)
endfunction()
function(vcpkg_extract_source_archive variable)
  cmake_parse_arguments(file "" "ARCHIVE" "" ${ARGN})
  file(ARCHIVE_EXTRACT INPUT "${file_ARCHIVE}" DESTINATION "${WORK}/tree")
  file(GLOB tree "${WORK}/tree/*")
  set("${variable}" "${tree}" PARENT_SCOPE)
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(file "" "" "FILE_LIST" ${ARGN})
  file(INSTALL ${file_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
endfunction()
include("${PORTFILE}")
CMAKE
for linkage in dynamic static; do
    installed=$work/vcpkg-$linkage
    cmake -DVCPKG_TARGET_IS_LINUX=1 -DVCPKG_TARGET_ARCHITECTURE=x64 -DVERSION="$version" -DPORT=tango-token \
        -DVCPKG_LIBRARY_LINKAGE=$linkage -DCURRENT_PACKAGES_DIR="$installed" -DWORK="$installed.work" \
        -DPORTFILE="$work/vcpkg/ports/tango-token/portfile.cmake" -P "$work/vcpkg.cmake" >"$work/vcpkg.log" 2>&1 ||
        fail "$(cat "$work/vcpkg.log")"
    for file in include/tango_token.h share/tango-token/LICENSE-MIT share/tango-token/usage; do
        [ -s "$installed/$file" ] || fail "vcpkg, $linkage: $file is missing"
    done
done
[ -e "$work/vcpkg-dynamic/lib/libtango_token.so" ] || fail "vcpkg, dynamic: there is no library"
[ "$(ls "$work/vcpkg-static/lib")" = libtango_token.a ] || fail "vcpkg, static: $(ls "$work/vcpkg-static/lib")"
if cmake -DVCPKG_TARGET_IS_LINUX=1 -DVCPKG_TARGET_ARCHITECTURE=x86 -DVERSION="$version" \
    -DPORTFILE="$work/vcpkg/ports/tango-token/portfile.cmake" -P "$work/vcpkg.cmake" >"$work/vcpkg.log" 2>&1; then
    fail "vcpkg: a port without an archive was accepted"
fi
grep --quiet "has no archive for linux-x86" "$work/vcpkg.log" || fail "$(cat "$work/vcpkg.log")"

step "recipes: Homebrew"
ruby -wc "$work/homebrew/tango-token.rb"
