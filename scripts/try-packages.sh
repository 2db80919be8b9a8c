#!/usr/bin/env bash
# Tries the packages of a release as a newcomer does, on this machine: installs each, writes a program of a few lines
# and runs it against the sandbox. Prints how long each took from nothing to the first token.
#
#     scripts/try-packages.sh PACKAGES      the directory that scripts/release-packages.sh made
#
# It needs Python, and tries Go and .NET if they are installed. It runs on Linux, macOS and Windows, so it does without
# scripts/common.sh, which needs GNU's tools.
set -euo pipefail
packages=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
unset TANGO_TOKEN_LIBRARY

# begin NAME: starts to measure the time for a language.
begin() {
    name=$1
    started=$(date +%s)
}

# finish LINES COMMAND...: runs the program of so many lines beside a sandbox; it has to print the type of a token.
finish() {
    local lines=$1 output
    shift
    output=$("$sandbox" run --quota-window-seconds 0 --log-file sandbox.log -- "$@")
    [ "$(tr -d '\r' <<<"$output" | tail -n 1)" = Bearer ] || {
        echo "$name: no token: $output" >&2
        exit 1
    }
    printf '%-8s %4d s, %d lines to the first token\n' "$name" $(($(date +%s) - started)) "$lines"
}

begin Python
python=$(command -v python3 || command -v python)
"$python" -m venv venv
scripts=venv/bin
[ -d "$scripts" ] || scripts=venv/Scripts
"$scripts/python" -m pip install --quiet --disable-pip-version-check --no-index --find-links "$packages/wheels" \
    'tango-token[sandbox]'
sandbox=$work/$scripts/tango-sandbox
cat >program.py <<'PYTHON'
from tango_token import Client
print(Client.from_env().acquire().token_type)
PYTHON
finish 2 "$scripts/python" program.py

if command -v go >/dev/null; then
    begin Go
    mkdir go && cd go
    cat >main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"log"

	tangotoken "github.com/tango-token/tango-token/bindings/go"
)

func main() {
	client, err := tangotoken.FromEnv()
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type())
}
GO
    # A URL has three slashes in front of the name of a drive too.
    proxy=$(cygpath --mixed "$packages/go" 2>/dev/null || echo "$packages/go")
    GOPROXY=file:///${proxy#/},$(go env GOPROXY)
    export GOPROXY GONOSUMDB=github.com/tango-token/tango-token/bindings/go CGO_ENABLED=0
    export GOMODCACHE=$work/modules GOFLAGS=-modcacherw
    go mod init first >/dev/null 2>&1
    go get "github.com/tango-token/tango-token/bindings/go@v$version" >/dev/null 2>&1
    go build -o first.exe .
    finish "$(grep -c . main.go)" ./first.exe
    cd "$work"
else
    echo "Go is not installed, and was not tried"
fi

if command -v dotnet >/dev/null; then
    begin .NET
    mkdir dotnet
    cat >dotnet/Program.cs <<'CSHARP'
using var client = TangoToken.TangoTokenClient.FromEnvironment();
System.Console.WriteLine((await client.GetTokenAsync()).TokenType);
CSHARP
    source=$(cygpath --mixed "$packages/nuget" 2>/dev/null || echo "$packages/nuget")
    cat >dotnet/first.csproj <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <RestoreAdditionalProjectSources>$source</RestoreAdditionalProjectSources>
  </PropertyGroup>
  <ItemGroup>
    <PackageReference Include="TangoToken" Version="$version" />
  </ItemGroup>
</Project>
XML
    # Packages of a shared directory, if there is one, so that only ours are new.
    export RestoreFallbackFolders=${NUGET_PACKAGES:-}
    NUGET_PACKAGES=$work/nuget \
        dotnet build dotnet --verbosity quiet --nologo --output dotnet/out
    finish 2 dotnet dotnet/out/first.dll
else
    echo ".NET is not installed, and was not tried"
fi
echo "tried: the packages of $packages, with the sandbox of the wheel"
