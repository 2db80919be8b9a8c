#!/usr/bin/env bash
# Writes the files that linkers need to link a program with tango_token.dll, beside the DLL in a directory:
#
#     scripts/import_libraries.sh DIRECTORY
#
#   tango_token.def         the functions of the header, by their names
#   libtango_token.dll.a    import library for MinGW
#   tango_token.lib         import library for MSVC and clang-cl
#
# The DLL has to export these functions and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
trap - EXIT # the result is files, not times

readonly tools=x86_64-w64-mingw32
[ $# = 1 ] || fail "usage: scripts/import_libraries.sh DIRECTORY"
directory=$1
need $tools-dlltool=binutils-mingw-w64-x86-64
need_python
need_cargo_zigbuild # for LLVM's dlltool, which zig contains

functions=$(header_functions)
# In objdump's table of exports a name follows a number in brackets, and in newer versions another number:
# `[   3] +base[   4]  0003 tango_abi_version`.
exported=$($tools-objdump --private-headers "$directory/tango_token.dll" |
    sed -nE '/^\[Ordinal\/Name Pointer\] Table/,/^$/s/^\t\[.*\] +([0-9a-f]+ +)?([A-Za-z_][A-Za-z_0-9]*)$/\2/p' |
    LC_ALL=C sort)
diff --unified=0 <(echo "$functions") <(echo "$exported") >&2 ||
    fail "tango_token.dll: the exported symbols are not the functions of the header"

definition=$directory/tango_token.def
{
    echo 'LIBRARY tango_token.dll'
    echo 'EXPORTS'
    while read -r function; do echo "    $function"; done <<<"$functions"
} >"$definition"
# Deterministic: without times, and without names that contain the process ID.
$tools-dlltool --deterministic-libraries --temp-prefix tango_token --machine i386:x86-64 --input-def "$definition" \
    --output-lib "$directory/libtango_token.dll.a"
python-zig dlltool -m i386:x86-64 -D tango_token.dll -d "$definition" -l "$directory/tango_token.lib"
