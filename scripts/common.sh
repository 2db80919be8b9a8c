# shellcheck shell=bash
# Sourced by the scripts beside this file, in the root of the repository: steps and their times, and missing tools.

target=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
# shellcheck disable=SC2034 # some of the scripts use it
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

fail() {
    echo "$*" >&2
    exit 1
}

# step NAME: ends the step before and begins this one. A script that succeeds ends with a table of its steps' times.
step() {
    end_step
    step_name=$*
    step_start=$SECONDS
    printf '== %s\n' "$*"
}

end_step() {
    [ -n "$step_name" ] || return 0
    step_times+="$(printf '%6d s  %s' $((SECONDS - step_start)) "$step_name")"$'\n'
    step_name=
}

print_times() {
    [ $? = 0 ] || return 0
    end_step
    printf '== Times of %s\n%s%6d s  in all\n' "$script" "$step_times" "$SECONDS"
}

script=$0
step_name=
step_times=
trap print_times EXIT

# two_at_a_time FUNCTION NAME...: calls a function for each name, two calls at once, because tests mostly wait. What a
# call prints appears when it has ended, so that lines of two calls do not mix. Fails if one of them failed.
two_at_a_time() {
    local function=$1 name running=0 failed=() output
    shift
    declare -A names=() starts=()
    output=$(mktemp --directory)
    for name in "$@"; do
        [ "$running" -lt 2 ] || end_call
        ("$function" "$name") >"$output/$name" 2>&1 &
        names[$!]=$name starts[$!]=$SECONDS
        running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do end_call; done
    rm -r "$output"
    [ ${#failed[@]} = 0 ] || fail "$function failed for ${failed[*]}"
}

# Waits for one call of two_at_a_time, whose variables it uses.
end_call() {
    local pid status=0
    wait -n -p pid || status=$?
    printf '== %s %s\n' "$function" "${names[$pid]}"
    cat "$output/${names[$pid]}"
    step_times+="$(printf '%6d s  %s' $((SECONDS - starts[$pid])) "$function ${names[$pid]}, beside another")"$'\n'
    [ "$status" = 0 ] || failed+=("${names[$pid]}")
    running=$((running - 1))
}

# need WHAT=PACKAGE...: installs the Debian package of each WHAT that is missing, or ends with their names where that is
# not possible. WHAT is a command, a file, pkg-config:MODULE or python:MODULE.
need() {
    local pair missing=()
    for pair in "$@"; do
        is_there "${pair%=*}" || missing+=("${pair##*=}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "$script needs these packages, by their names in Debian: ${missing[*]}"
    fi
    echo "Installing ${missing[*]}"
    { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >/dev/null
}

is_there() {
    case $1 in
    /*) [ -e "$1" ] ;;
    pkg-config:*) pkg-config --exists "${1#*:}" 2>/dev/null ;;
    python:*) python3 -c "import ${1#*:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# test_executable MESSAGES TARGET: the path of a test, from the messages in JSON of the cargo that built it.
test_executable() {
    python3 - "$1" "$2" <<'PYTHON'
import json, sys

for line in open(sys.argv[1]):
    message = json.loads(line)
    if message.get("executable") and message["target"]["name"] == sys.argv[2]:
        print(message["executable"])
PYTHON
}

# Prints the functions that the header declares, one a line, sorted: what each library exports.
header_functions() {
    sed -nE '/^typedef/d; s/^[a-z][a-z0-9_ ]*[ *](tango_[a-z0-9_]+)\(.*/\1/p' include/tango_token.h | LC_ALL=C sort
}

# The tools with which Rust links and this repository's scripts build. Headers of macOS are not in /usr/include.
need_compiler() {
    need cc=gcc make=make
    [ "$(uname)" != Linux ] || need /usr/include/stdint.h=libc6-dev
}

need_python() {
    need python3=python3 python:venv,ensurepip=python3-venv
}

# Exports TANGO_TOKEN_LIBRARY and TANGO_SANDBOX: what the caller named, or else what this builds.
need_library_and_sandbox() {
    if [ -z "${TANGO_TOKEN_LIBRARY:-}" ] || [ -z "${TANGO_SANDBOX:-}" ]; then
        make --no-print-directory install PREFIX="$target/installed" >/dev/null
    fi
    TANGO_TOKEN_LIBRARY=$(realpath "${TANGO_TOKEN_LIBRARY:-$target/installed/lib/libtango_token.so}")
    TANGO_SANDBOX=$(realpath "${TANGO_SANDBOX:-$target/installed/bin/tango-sandbox}")
    export TANGO_TOKEN_LIBRARY TANGO_SANDBOX
}
