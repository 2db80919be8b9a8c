#!/usr/bin/env bash
# Makes the static library that is shipped from the one that rustc writes.
#
#     scripts/static_library.sh FROM TO
#
# Its only global symbols are the functions of the header. rustc's library has thousands, `rust_eh_personality` among
# them: a program could not be linked with it and another static library in Rust, because both define the symbols of
# Rust's standard library. Code that no function of the header reaches is dropped on the way.
#
# Needs GNU ld, and the other binutils or those of LLVM.
set -euo pipefail
from=$(realpath "$1")
to=$(realpath --canonicalize-missing "$2")
cd "$(dirname "$0")/.."
. scripts/common.sh
trap - EXIT # the result is a file, not times

readonly header=include/tango_token.h
ld=${LD:-ld}
objcopy=${OBJCOPY:-objcopy}
nm=${NM:-nm}
ar=${AR:-ar}

if [ "$to" -nt "$from" ] && [ "$to" -nt $header ] && [ "$to" -nt "$0" ]; then
    exit 0
fi
mkdir -p "$(dirname "$to")"
work=$(mktemp -d "$to.XXXXXX")
trap 'rm -rf "$work"' EXIT

header_functions >"$work/functions"
mapfile -t roots < <(sed 's/^/--undefined=/' "$work/functions")

# A group (COMDAT) is known by its name even if its symbols are local, and the linker of a program keeps one group of
# each name: it could drop ours for that of another library. So their sections become ordinary ones.
$ld --relocatable --gc-sections "${roots[@]}" --force-group-allocation --whole-archive "$from" -o "$work/linked.o"
# The bitcode is that of the standard library, and older tools stop when they see it.
$objcopy --keep-global-symbols="$work/functions" --strip-debug --remove-section=.llvmbc --remove-section=.llvmcmd \
    "$work/linked.o" "$work/tango_token.o"

$nm --extern-only --defined-only "$work/tango_token.o" | awk '{ print $NF }' | LC_ALL=C sort >"$work/global"
diff --unified=0 "$work/functions" "$work/global" >&2 ||
    fail "$0: the global symbols are not the functions of the header"

# D: without times, users and modes of this machine.
$ar rcsD "$work/libtango_token.a" "$work/tango_token.o"
mv "$work/libtango_token.a" "$to"
