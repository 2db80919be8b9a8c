#!/usr/bin/env python3
"""Writes a bill of materials (CycloneDX 1.6, JSON) of what is linked into a library.

    scripts/sbom.py PACKAGE FILE [CARGO-OPTION...]

TARGET names the platform by its triple, if it is not that of x86-64 Linux with glibc.

The same source makes the same file: it has no time, unless SOURCE_DATE_EPOCH is set. cargo-cyclonedx describes what
cargo resolves for a workspace: crates that only tests or build scripts need are in it, and the C code of aws-lc and
Rust's standard library are not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = os.environ.get("TARGET") or "x86_64-unknown-linux-gnu"
Json = dict[str, Any]
Crate = tuple[str, str]  # name and version


def main() -> None:
    package, file, *options = sys.argv[1:]
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(json.dumps(document(package, options), indent=2) + "\n")


def document(package: str, options: list[str]) -> Json:
    linked = dependencies(package, options)
    manifests = {(found["name"], found["version"]): found for found in cargo_metadata()["packages"]}
    checksums = {(found["name"], found["version"]): found.get("checksum") for found in lock_file()["package"]}
    root, *crates = sorted(linked, key=lambda crate: (crate[0] != package, crate))
    bundled = [*c_code(manifests), standard_library()]
    edges = {purl(crate): [purl(needed) for needed in needs] for crate, needs in linked.items()}
    edges[purl(root)] += [bundled[-1]["bom-ref"]]
    for component in bundled[:-1]:
        edges[purl(crate_with_c(linked))] += [component["bom-ref"]]
    edges |= {component["bom-ref"]: [] for component in bundled}
    bom: Json = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            **time(),
            "tools": {"components": [tool("cargo"), tool("rustc"), {"type": "application", "name": "scripts/sbom.py"}]},
            "component": component_of(manifests[root], checksums),
        },
        "components": [component_of(manifests[crate], checksums) for crate in crates] + bundled,
        "dependencies": [{"ref": ref, "dependsOn": sorted(set(needs))} for ref, needs in sorted(edges.items())],
    }
    # Made from the content, so that another content has another number.
    digest = hashlib.sha256(json.dumps(bom).encode()).hexdigest()
    serial_number = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}"
    return {"bomFormat": bom.pop("bomFormat"), "serialNumber": serial_number, **bom}


def dependencies(package: str, options: list[str]) -> dict[Crate, list[Crate]]:
    """Returns the crates that are linked into the package's library, itself among them, each with those it needs."""
    command = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro"]
    command += ["--target", PLATFORM, "--prefix", "depth", "--format", " {p}", "--no-dedupe", *options]
    found: dict[Crate, list[Crate]] = {}
    path: list[Crate] = []
    for line in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
        depth, name, version, *_ = line.split()
        crate = (name, version.removeprefix("v"))
        del path[int(depth) :]
        if path and crate not in found[path[-1]]:
            found[path[-1]].append(crate)
        found.setdefault(crate, [])
        path.append(crate)
    return found


def cargo_metadata() -> Json:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", PLATFORM]
    found: Json = json.loads(subprocess.check_output(command, cwd=ROOT))
    return found


def lock_file() -> Json:
    return tomllib.loads((ROOT / "Cargo.lock").read_text())


def purl(crate: Crate) -> str:
    return f"pkg:cargo/{crate[0]}@{crate[1].replace('+', '%2B')}"


def component_of(manifest: Json, checksums: dict[Crate, str | None]) -> Json:
    crate = (manifest["name"], manifest["version"])
    component: Json = {"type": "library", "bom-ref": purl(crate), "name": crate[0], "version": crate[1]}
    if manifest["description"]:
        component["description"] = " ".join(manifest["description"].split())
    checksum = checksums[crate]
    if checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    # An old way to write a choice.
    component["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", manifest["license"])}]
    component["purl"] = purl(crate)
    if manifest["repository"]:
        component["externalReferences"] = [{"type": "vcs", "url": manifest["repository"]}]
    return component


def crate_with_c(linked: dict[Crate, list[Crate]]) -> Crate:
    [crate] = [crate for crate in linked if crate[0] == "aws-lc-sys"]
    return crate


def c_code(manifests: dict[Crate, Json]) -> list[Json]:
    """Returns what aws-lc-sys contains and compiles: the C library, and what is a part of that."""
    [manifest] = [found for (name, _), found in manifests.items() if name == "aws-lc-sys"]
    source = Path(manifest["manifest_path"]).parent / "aws-lc"
    [version] = re.findall(r'AWSLC_VERSION_NUMBER_STRING "(.*)"', (source / "include/openssl/base.h").read_text())
    repository = f"pkg:github/aws/aws-lc@v{version}"
    # jitterentropy is not compiled (.cargo/config.toml).
    parts = [{"fiat": "fiat-crypto"}.get(part.name, part.name) for part in sorted((source / "third_party").iterdir())]
    return [
        {
            "type": "library",
            "bom-ref": repository,
            "name": "aws-lc",
            "version": version,
            "description": "The C and assembler code in the crate aws-lc-sys",
            "purl": repository,
            "licenses": [{"expression": manifest["license"]}],
            "components": [
                {"type": "library", "bom-ref": f"{repository}#{part}", "name": part, "description": "A part of aws-lc"}
                for part in parts
                if part != "jitterentropy"
            ],
        }
    ]


def standard_library() -> Json:
    version = tool("rustc")["version"]
    repository = f"pkg:github/rust-lang/rust@{version}"
    return {
        "type": "library",
        "bom-ref": repository,
        "name": "std",
        "version": version,
        "description": "Rust's standard library",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "purl": repository,
    }


def tool(name: str) -> Json:
    version = subprocess.check_output([name, "--version"], cwd=ROOT, text=True).split()[1]
    return {"type": "application", "name": name, "version": version}


def time() -> Json:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return {"timestamp": datetime.fromtimestamp(int(epoch), timezone.utc).isoformat()} if epoch else {}


if __name__ == "__main__":
    main()
