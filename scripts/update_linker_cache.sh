#!/bin/sh
# Ends `make install`: makes the dynamic linker find the library in DIRECTORY, or says what the user has to do for that.
#
#     scripts/update_linker_cache.sh DIRECTORY
set -eu

directory=$(realpath "$1")
PATH=$PATH:/usr/sbin:/sbin # the ldconfig of a user who is not root

# Only glibc's linker keeps a cache. musl's searches a fixed list of directories each time.
ldconfig --version 2>/dev/null | grep -q 'GNU libc\|GLIBC' || exit 0

is_searched() {
    ldconfig -N -v 2>/dev/null | sed -n 's|^\(/[^:]*\):.*|\1|p' | while read -r searched; do
        realpath "$searched" 2>/dev/null || true
    done | grep -qxF "$directory"
}

if ! is_searched; then
    cat <<END
Programs do not find a library in $directory by themselves. Either link them with -Wl,-rpath,$directory,
or start them with LD_LIBRARY_PATH=$directory, or, as root, add the directory to the system's:
    echo $directory > /etc/ld.so.conf.d/tango-token.conf && ldconfig
END
elif [ "$(id -u)" = 0 ]; then
    ldconfig
else
    echo "Run \`ldconfig\` as root now: until then programs do not start, because they do not find libtango_token.so."
fi
