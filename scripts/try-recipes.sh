#!/usr/bin/env bash
# Runs the recipes of examples/recipes, small whole projects in frameworks that people use, against the sandbox. Ends
# with a line for each. (scripts/test-recipes.sh is for the recipes of package managers.)
#
#     scripts/try-recipes.sh [RECIPE...]      the names of directories; all without any
#
# TANGO_TOKEN_LIBRARY, TANGO_SANDBOX and TANGO_TOKEN_WHEEL can name a library, a sandbox and a wheel of Python; those
# that they do not name are built here. What a recipe needs comes at fixed versions, and goes into target/try-recipes,
# except for packages of Debian (as root).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh

readonly all=(fastapi django-celery cron gin kubernetes systemd cpp-libcurl aspnetcore)
readonly recipes=examples/recipes
readonly work=$target/try-recipes
readonly test_packages=(pytest==9.1.1 PyYAML==6.0.3 kubernetes-validate==1.37.0)

need_compiler
need_python
mkdir -p "$work"

# What the recipes share is made once, by the first that needs it.

need_wheel() {
    [ -z "${TANGO_TOKEN_WHEEL:-}" ] || return 0
    scripts/test-python.sh wheel
    TANGO_TOKEN_WHEEL=$(echo "$target"/python/wheels/*.whl)
}

# environment RECIPE: makes a virtual environment with what the recipe requires.
environment() {
    local directory=$work/$1 requirements=$recipes/$1
    need_wheel
    grep --quiet "^tango-token.*==$version\$" "$requirements/requirements.txt" ||
        fail "$requirements/requirements.txt does not require tango-token $version"
    if ! cat "$requirements"/{requirements,constraints}.txt | cmp --quiet - "$directory/.packages"; then
        rm -rf "$directory"
        python3 -m venv --without-pip "$directory" # to install pip would take longer than the rest
        install_into "$directory" \
            --find-links "$(dirname "$TANGO_TOKEN_WHEEL")" --requirement "$requirements/requirements.txt"
        cat "$requirements"/{requirements,constraints}.txt >"$directory/.packages"
    fi
    # The version is the same, the content is not.
    install_into "$directory" --no-deps --no-index --force-reinstall "$TANGO_TOKEN_WHEEL"
}

# install_into DIRECTORY ARGUMENT...: with the pip of the tests.
install_into() {
    local directory=$1
    shift
    "$tests/bin/python" -m pip --python "$directory/bin/python" install --quiet --disable-pip-version-check "$@"
}

# The kubernetes and systemd recipes run the service of the gin recipe.
service_in_go() {
    [ -z "${RECIPE_GIN:-}" ] || return 0
    need_go
    (cd "$recipes/gin" && CGO_ENABLED=0 go build -o "$work/rewards" .)
    export RECIPE_GIN=$work/rewards
}

# prepare_RECIPE: installs and builds what its test needs.

prepare_fastapi() {
    environment fastapi
}

prepare_django-celery() {
    need redis-server=redis-server
    environment django-celery
}

prepare_cron() {
    need crontab=cron
    environment cron
}

prepare_gin() {
    need_go
    (
        cd "$recipes/gin"
        go mod tidy -diff
        go vet ./...
        CGO_ENABLED=0 go test ./...
        formatted=$(gofmt -d .)
        [ -z "$formatted" ] || fail "$formatted"
    )
    service_in_go
}

prepare_kubernetes() {
    need redis-server=redis-server
    service_in_go
}

prepare_systemd() {
    need systemd-analyze=systemd unshare=util-linux mount=mount
    service_in_go
}

prepare_cpp-libcurl() {
    need c++=g++ cmake=cmake pkg-config=pkg-config pkg-config:libcurl=libcurl4-openssl-dev
    local prefix=$target/installed build=$work/cpp-libcurl
    [ -d "$prefix/lib/cmake/TangoToken" ] || make --no-print-directory install PREFIX="$prefix" >/dev/null
    cmake -S "$recipes/cpp-libcurl" -B "$build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_COMPILE_WARNING_AS_ERROR=ON >/dev/null
    cmake --build "$build"
    export RECIPE_CPP=$build/service
}

prepare_aspnetcore() {
    export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 RECIPE_ASPNETCORE=$work/aspnetcore/Rewards.dll
    dotnet build "$recipes/aspnetcore" --configuration Release --output "$work/aspnetcore" --nologo --verbosity quiet \
        -maxCpuCount:2
}

try_recipe() {
    RECIPE_PYTHON=$work/$1/bin/python "$tests/bin/python" -B -m pytest --quiet -p no:cacheprovider \
        "$recipes/$1" | tee "$work/$1.log"
    [ "${PIPESTATUS[0]}" = 0 ]
}

[ $# -gt 0 ] || set -- "${all[@]}"
for recipe in "$@"; do
    declare -F "prepare_$recipe" >/dev/null || fail "there is no recipe $recipe"
done

step "recipes: what they share"
need_library_and_sandbox
tests=$toolchains/recipes-${test_packages[0]}
virtual_environment "$tests" "${test_packages[@]}"

chosen=()
for recipe in "$@"; do
    step "recipes: $recipe, built"
    if [ "$recipe" = systemd ] && [ "$(id -u)" != 0 ]; then
        echo "== systemd WAS NOT TRIED: only root can start one of its own"
        continue
    elif [ "$recipe" = aspnetcore ] && ! need_dotnet; then
        dotnet_is_not_tested
        continue
    fi
    "prepare_$recipe"
    chosen+=("$recipe")
done

step "recipes: tried"
status=0
two_at_a_time try_recipe "${chosen[@]}" || status=$?
end_step
for recipe in "${chosen[@]}"; do
    printf '%-14s %s\n' "$recipe" "$(tail -n 1 "$work/$recipe.log")"
done
[ "$status" = 0 ]
