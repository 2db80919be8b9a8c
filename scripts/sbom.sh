#!/usr/bin/env bash
# Writes the bills of materials of the C library and of the Python package into target/sbom, and validates them.
#
#     scripts/sbom.sh [CARGO-OPTION...]    such as --features for the C library
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh
. scripts/toolchains.sh
trap - EXIT # the last line is the result, not a time
need_python
need_cyclonedx

sbom=$target/sbom
scripts/sbom.py tango-token "$sbom/tango-token.cdx.json" "$@"
scripts/sbom.py tango-token-python "$sbom/tango-token-python.cdx.json"

"$cyclonedx" - "$sbom"/*.cdx.json <<'PYTHON'
import json, sys
from pathlib import Path
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

for file in map(Path, sys.argv[1:]):
    bom = json.loads(file.read_text())
    problem = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"])).validate_str(file.read_text())
    if problem:
        sys.exit(f"{file}: {problem.data}")
    named = {bom["metadata"]["component"]["bom-ref"], *(component["bom-ref"] for component in bom["components"])}
    used = {ref for edge in bom["dependencies"] for ref in (edge["ref"], *edge["dependsOn"])}
    if named != used:
        sys.exit(f"{file}: components and dependencies differ: {sorted(named ^ used)}")
    print(f"{file.name}: {len(bom['components'])} components, valid as CycloneDX {bom['specVersion']}")
PYTHON
