#!/usr/bin/env bash
# Installs what `make dist` made as a user would, in a fresh root of each kind, where there is no Rust; builds a program
# there, and runs it against the sandbox of the package.
#
#     scripts/test-dist.sh [ROOT...]
#
# Roots: bookworm and the older bullseye, by debootstrap, with the packages of Debian; `archive`, a bullseye again, with
# the archive alone; rpm, a bookworm into which Debian's rpm installs; musl, a root without glibc, with what is in the
# packages for Alpine. `lint` has no root: lintian and rpmlint read the packages. As root, on x86-64 Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

readonly roots=$target/roots
readonly dist=$PWD/dist
[ "$(id -u)" = 0 ] || fail "$0 needs root, for chroot"
[ -d "$dist" ] || fail "there is no $dist: run make dist"
need debootstrap=debootstrap unshare=util-linux mount=mount rpm=rpm

# The mirror that this machine uses.
mirror() {
    apt-cache policy base-files | sed -n 's/^ *[0-9]* \(http[^ ]*debian\) .*/\1/p' | head -n 1
}

# debian SUITE: a fresh root with a C compiler, as a copy of one that is kept.
debian() {
    local suite=$1 kept=$roots/$1
    if [ ! -e "$kept.complete" ]; then
        rm -rf "$kept"
        debootstrap --variant=minbase --include=gcc,libc6-dev,pkg-config,make "$suite" "$kept" "$(mirror)" \
            >"$kept.log" 2>&1 || { sed "s|http[^ ]*/||g" "$kept.log" | tail && fail "debootstrap $suite failed"; }
        touch "$kept.complete"
    fi
    root=$roots/fresh-$suite
    rm -rf "$root"
    cp -a "$kept" "$root"
    # As every container has it.
    echo "127.0.0.1 localhost" >"$root/etc/hosts"
}

# inside COMMAND: runs it in the root, in namespaces of its own that have no network but `lo`, with /proc.
inside() {
    unshare --mount --net --pid --fork --mount-proc="$root/proc" chroot "$root" /usr/bin/env -i \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C sh -ec "$1"
}

# Builds the example in the root with these options, and runs it.
expect_token() {
    local output
    cp examples/c/acquire.c "$root/root/"
    inside "cd /root; cc -D_POSIX_C_SOURCE=200809L acquire.c $1 -o program"
    # `ip` is not in a minimal root, and the sandbox listens on lo, which a new namespace has switched off.
    output=$(unshare --mount --pid --fork --mount-proc="$root/proc" chroot "$root" /usr/bin/env -i \
        PATH=/usr/bin:/bin "$2" run --log-file /dev/null -- /root/program 2>&1) || fail "$root: $output"
    grep --quiet '^1. Bearer token for raas.all' <<<"$output" || fail "$root: $output"
    echo "$(basename "$root"), $3: a program built there got a token"
}

packages() {
    debian "$1"
    mkdir -p "$root/packages"
    cp "$dist"/*_amd64.deb "$root/packages/"
    inside "dpkg --install /packages/*.deb"
    # No Rust: what is there came with these packages.
    inside "! command -v cargo && ! command -v rustc" >/dev/null
    expect_token "\$(pkg-config --cflags --libs tango-token)" /usr/bin/tango-sandbox "shared library, $(glibc)"
    expect_token "\$(pkg-config --cflags tango-token) \$(pkg-config --variable=static_libs tango-token)" \
        /usr/bin/tango-sandbox "static library"
    inside "dpkg --purge tango-token-tools libtango-token-dev libtango-token1" >/dev/null
    ! find "$root/usr" -name '*tango*' | grep . || fail "files of the packages are left"
}

glibc() { inside "getconf GNU_LIBC_VERSION"; }

archive() {
    local library
    debian bullseye
    tar --extract --gzip --file "$dist"/tango-token-*-linux-x64.tar.gz --directory "$root/opt"
    library=/$(cd "$root" && echo opt/tango-token-*)
    expect_token "\$(PKG_CONFIG_PATH=$library/lib/pkgconfig pkg-config --cflags --libs tango-token) \
        -Wl,-rpath,$library/lib" "$library/bin/tango-sandbox" "archive"
}

# What glibc and pkg-config provide on Red Hat 7 and later, Fedora and SUSE. /sbin/ldconfig is a file of glibc there.
readonly versions='GLIBC_2\.([0-9]|1[0-7])(\.[0-9]+)*'
readonly libraries='(libc|libm|libdl|librt|libpthread|ld-linux-x86-64)\.so\.[0-9]+'
readonly of_rpm_systems="^(/sbin/ldconfig|/usr/bin/pkg-config|rtld\(GNU_HASH\)|$libraries\(($versions)?\)\(64bit\))$"

# There is no mirror of such a system here. So Debian's root gets its search path, and a package without files that
# provides what such a system does, and nothing else: rpm then looks at the dependencies of the packages itself.
rpm_packages() {
    local required package files=("$dist"/*.x86_64.rpm) all=(libtango-token1 libtango-token-devel tango-token-tools)
    debian bookworm
    echo /usr/lib64 >"$root/etc/ld.so.conf.d/lib64.conf"
    mkdir -p "$root/usr/lib64"
    required=$(rpm --query --package --requires "${files[@]}" | grep --invert-match '^rpmlib(\|^libtango' | sort -u)
    ! grep --invert-match --extended-regexp "$of_rpm_systems" <<<"$required" ||
        fail "these packages need what a Red Hat 7 lacks"
    package=$roots/system.spec
    {
        printf '%s\n' 'Name: system' 'Version: 1' 'Release: 1' 'Summary: System' 'License: none' 'BuildArch: noarch'
        while read -r name; do echo "Provides: $name"; done <<<"$required"
        printf '%s\n' %description %files
    } >"$package"
    rpmbuild -bb --quiet --define "_topdir $roots/rpmbuild" --define "_rpmdir $roots" \
        --define '_build_name_fmt system.rpm' "$package"
    in_rpm_root --install "$roots/system.rpm"
    ! in_rpm_root --install "$dist"/libtango-token-devel*.x86_64.rpm 2>/dev/null ||
        fail "the development package was installed without the library"
    in_rpm_root --install "${files[@]}"
    in_rpm_root --verify "${all[@]}"
    expect_token "\$(PKG_CONFIG_PATH=/usr/lib64/pkgconfig pkg-config --cflags --libs tango-token)" \
        /usr/bin/tango-sandbox "shared library of the .rpm, $(glibc)"
    ! in_rpm_root --erase libtango-token1 2>/dev/null || fail "the library was erased without what needs it"
    in_rpm_root --erase "${all[@]}"
    ! find "$root/usr" "$root/lib64" -name '*tango*' | grep . || fail "files of the packages are left"
    ! inside "ldconfig -p" | grep tango || fail "the linker's cache still has the library"
}

in_rpm_root() { rpm --root "$root" --dbpath /var/lib/rpm "$@"; }

# Debian installs the libraries of two processors beside each other, if what is not in their directories is the same.
same_for_processors() {
    local package processor
    for processor in amd64 arm64; do
        rm -rf "${roots:?}/$processor"
        for package in libtango-token1 libtango-token-dev; do
            dpkg-deb --extract "$dist/${package}_${version}_$processor.deb" "$roots/$processor"
        done
    done
    diff --brief --recursive --no-dereference "$roots"/{amd64,arm64}/usr/share
    diff --brief --recursive --no-dereference "$roots"/{amd64,arm64}/usr/include
}

# What they find and what stays so is in packaging/lintian and packaging/rpmlintrc, with the reasons.
lint() {
    need lintian=lintian rpmlint=rpmlint cpio=cpio
    lintian --no-cfg --allow-root --fail-on error,warning "$dist"/*.deb
    same_for_processors
    rpmlint --strict --ignore-unused-rpmlintrc --rpmlintrc packaging/rpmlintrc "$dist"/*.rpm
}

# Alpine's packages are archives with a list in front. Debian's musl-tools compile a program with them, which then runs
# in a root without glibc.
musl() {
    debian bookworm
    local file apk=$root/apk
    mkdir -p "$root/packages" "$apk"
    (cd "$root/packages" && apt-get download musl musl-dev musl-tools >/dev/null 2>&1)
    inside "dpkg --install /packages/*.deb" >/dev/null
    for file in "$dist"/*.x86_64.apk; do
        tar --extract --gzip --warning=no-unknown-keyword --file "$file" --directory "$apk"
    done
    cp examples/c/acquire.c "$root/root/"
    inside "cd /root; musl-gcc -D_POSIX_C_SOURCE=200809L acquire.c -I/apk/usr/include -L/apk/usr/lib -ltango_token \
        -o program"
    # A root with the loader, the packages and the program alone.
    local small=$roots/fresh-musl
    rm -rf "$small"
    mkdir -p "$small"/{etc,lib,usr/bin,usr/lib,tmp,proc,dev,root}
    cp "$root/etc/hosts" "$small/etc/"
    cp -L "$root/lib/ld-musl-x86_64.so.1" "$small/lib/"
    cp -a "$apk"/usr/lib/libtango_token.so* "$small/usr/lib/"
    cp "$apk/usr/bin/tango-sandbox" "$small/usr/bin/"
    cp "$root/root/program" "$small/root/"
    local output
    output=$(chroot "$small" /usr/bin/tango-sandbox run --log-file /dev/null -- /root/program 2>&1) ||
        fail "musl: $output"
    grep --quiet '^1. Bearer token for raas.all' <<<"$output" || fail "musl: $output"
    echo "musl: a root with a loader, the library and the program, and nothing else: it got a token"
}

(cd "$dist" && sha256sum --check --quiet SHA256SUMS)
mkdir -p "$roots"
[ $# -gt 0 ] || set -- lint bookworm bullseye archive rpm musl
for name in "$@"; do
    step "$name"
    case $name in
    archive | lint | musl) "$name" ;;
    rpm) rpm_packages ;;
    *) packages "$name" ;;
    esac
done
