#!/usr/bin/env bash
# Shows that what is shipped depends on the source alone: builds the libraries and the sandbox a second time, in another
# directory, with another home directory, user name, host name, locale and time zone, at another time, and without a
# network, and compares the files byte for byte with those that `make` built here.
#
#     scripts/reproducible.sh            both builds: minutes
#     scripts/reproducible.sh --paths    only builds here, and looks into the files for paths of this machine
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
trap - EXIT # the last line is the result, not a time
need_compiler
need git=git unshare=util-linux

readonly shipped=(release/libtango_token.so release/static/libtango_token.a release/tango-sandbox)
cargo_home=${CARGO_HOME:-$HOME/.cargo}

# check_paths DIRECTORY...: fails if a shipped file names one of these.
check_paths() {
    local file found
    for file in "${shipped[@]/#/$target/}"; do
        found=$(grep --text --only-matching --fixed-strings "${@/#/--regexp=}" "$file" | sort | uniq --count) ||
            continue
        fail "$(basename "$file") contains paths of this machine: $found"
    done
}

# Files of this working tree, as they are.
copy_source() {
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- |
        tar --extract --directory "$1"
}

# The crates, under another path; cargo unpacks their sources again.
copy_crates() {
    mkdir -p "$1/registry"
    cp -R "$cargo_home/registry/cache" "$cargo_home/registry/index" "$1/registry/"
    [ ! -e "$cargo_home/config.toml" ] || cp "$cargo_home/config.toml" "$1/"
}

# In namespaces without a network and with another host name; those of a user where root is not at hand.
isolated() {
    local as=()
    [ "$(id -u)" = 0 ] || as=(--user --map-root-user)
    unshare "${as[@]}" --net --uts sh -c 'hostname elsewhere.example && exec "$@"' isolated "$@"
}

build_again() {
    local place=$1 rustup=${RUSTUP_HOME:-$HOME/.rustup}
    copy_source "$place/source of somebody else"
    copy_crates "$place/crates"
    (
        cd "$place/source of somebody else"
        umask 077
        isolated env --unset=CARGO_TARGET_DIR HOME="$place" USER=somebody LOGNAME=somebody LC_ALL=C.UTF-8 \
            TZ=Asia/Tokyo CARGO_HOME="$place/crates" RUSTUP_HOME="$rustup" CARGO_NET_OFFLINE=true \
            make --no-print-directory lib sandbox
    )
}

make --no-print-directory lib sandbox
check_paths "$HOME/" "$cargo_home" "$PWD" "$target"
if [ "${1-}" = --paths ]; then
    echo "no path of this machine in $(basename --multiple "${shipped[@]}" | tr '\n' ' ')"
    exit
fi

again=$target/reproducible
rm -rf "$again"
build_again "$again"
for file in "${shipped[@]}"; do
    cmp "$target/$file" "$again/source of somebody else/target/$file"
    sha256sum "$target/$file" | sed "s|  .*/|  |"
done
rm -rf "$again"
echo "${#shipped[@]} files are the same, byte for byte, built in another place without a network"
