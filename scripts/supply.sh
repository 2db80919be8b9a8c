#!/usr/bin/env bash
# Checks what the dependencies are, as deny.toml describes it: licences, duplicates, banned crates, sources, build
# scripts, and security advisories.
#
#     scripts/supply.sh
#
# The advisories are those in scripts/advisories, which scripts/update_advisories.sh writes; with ADVISORIES=online,
# those that the RustSec database has now.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
trap - EXIT # the last line is the result, not a time
need_python
need git=git
need_cargo_deny

readonly database=https://github.com/rustsec/advisory-db
readonly snapshot=scripts/advisories

deny() {
    cargo-deny --workspace check --hide-inclusion-graph \
        --deny unmatched-skip --deny unnecessary-skip --deny license-exception-not-encountered "$@"
}

# Lets cargo-deny find a repository of the committed advisories in the place of the database.
use_snapshot() {
    local repository=$target/advisory-snapshot unknown
    unknown=$(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.lock | sort --unique |
        comm -12 - "$snapshot/crates-with-advisories.txt" | while read -r crate; do
            [ -d "$snapshot/crates/$crate" ] || echo "$crate"
        done)
    [ -z "$unknown" ] ||
        fail "There are advisories about these crates, but not in $snapshot: ${unknown//$'\n'/, }." \
            "Run scripts/update_advisories.sh and commit"
    rm -rf "$repository"
    git init --quiet --initial-branch main "$repository"
    cp -R "$snapshot/crates" "$repository/"
    git -C "$repository" add --all
    git -C "$repository" -c user.name=snapshot -c user.email=snapshot@localhost -c commit.gpgSign=false \
        commit --quiet --message "$(cat $snapshot/version.txt)"
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=url.file://$repository.insteadOf GIT_CONFIG_VALUE_0=$database
}

deny bans licenses sources

rm -rf target/advisory-db
if [ "${ADVISORIES:-}" = online ]; then
    by="the RustSec database as it is now"
else
    use_snapshot
    by="the committed part of the RustSec database, of $(cut -d ' ' -f 1 $snapshot/version.txt)"
fi
deny advisories

echo "licences, duplicates, bans, sources and build scripts are as in deny.toml; no advisory applies, by $by"
