#!/usr/bin/env bash
# Builds the documents as a site in target/docs. Fails on a link or an anchor that leads nowhere, and on a page that
# would load something from another host. Needs git and Python 3.9 with venv.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
need_python
command -v npm >/dev/null || need_node

site=$target/docs
work=$target/docs-build

# from_npm PACKAGE VERSION FILE SHA256 DESTINATION
from_npm() {
    local tarball=$tools/$1-$2.tgz
    [ -f "$tarball" ] || (cd "$tools" && npm pack --silent "$1@$2" >/dev/null)
    tar --extract --to-stdout --gzip --file "$tarball" "package/$3" >"$5"
    echo "$4  $5" | sha256sum --check --quiet
}

# Another version of a tool gets a directory of its own.
tools=$work/tools-$(sha256sum docs/site/requirements.txt | cut -c -12)
if [ ! -e "$tools/complete" ]; then
    echo "Installing Zensical into $tools"
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement docs/site/requirements.txt
    touch "$tools/complete"
fi

rm -rf "$work/source" "$work/site" "$site"
docs/site/copy_documents.py "$work/source"
cp docs/site/zensical.yml "$work/"
assets=$work/source/assets
mkdir "$assets"
cp docs/site/extra.css "$assets/"
from_npm mermaid 12.3.0 dist/mermaid.min.js \
    336df803d87a38b70a01e736e666c8f7601d2ce42f5e47c8fafe5d721074b9a3 "$assets/mermaid.min.js"
from_npm iframe-worker 1.0.4 shim/index.js \
    e8e412dbcfea9b7e31b5ffa288d7b6035915e714c542f4176a0cdbe262fc9609 "$assets/iframe-worker.js"
"$tools/bin/zensical" build --clean --strict --config-file "$work/zensical.yml"
mv "$work/site" "$site"

loads='<(script|img|iframe)[^>]* src="?https?:[^ >]*|<link[^>]* rel="?(stylesheet|preconnect|preload|icon)[^>]*https?:[^ >]*'
if grep --recursive --include='*.html' --extended-regexp --only-matching "$loads" "$site"; then
    echo "these pages would load something from another host" >&2
    exit 1
fi
echo "Open $site/index.html"
