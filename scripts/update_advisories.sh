#!/usr/bin/env bash
# Writes scripts/advisories: what the RustSec advisory database says about the crates in Cargo.lock.
#
#     scripts/update_advisories.sh [CLONE]
#
# CLONE is a clone of the database, for a machine that does not reach it. The committed part makes `make supply` give
# the same result everywhere and offline; `ADVISORIES=online make supply` asks the database itself.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
trap - EXIT
need git=git

readonly database=https://github.com/rustsec/advisory-db
snapshot=scripts/advisories
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
clone=${1:-$work/clone}
[ $# -gt 0 ] || git clone --quiet --depth 1 "$database" "$clone"

rm -rf "$snapshot/crates"
sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.lock | sort --unique >"$work/used"
# Also those that are not used: a new dependency with advisories is noticed even if they are not here.
git -C "$clone" ls-tree --name-only HEAD crates/ | sed 's|^crates/||' | sort >"$snapshot/crates-with-advisories.txt"
comm -12 "$work/used" "$snapshot/crates-with-advisories.txt" | sed 's|^|crates/|' >"$work/directories"
xargs git -C "$clone" archive HEAD -- <"$work/directories" | tar --extract --directory "$snapshot"
git -C "$clone" log -1 --format='%cs %H' >"$snapshot/version.txt"
echo "$(find "$snapshot/crates" -type f | wc -l) advisories about $(wc -l <"$work/directories") of the crates in" \
    "Cargo.lock, of $(cut -d ' ' -f 1 "$snapshot/version.txt")"
