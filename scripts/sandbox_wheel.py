#!/usr/bin/env python3
"""Writes the wheel tango-token-sandbox, which `pip install tango-token[sandbox]` brings: the program alone.

    scripts/sandbox_wheel.py PROGRAM LICENSES TAG OUTPUT

PROGRAM is the sandbox of a platform, as scripts/build-platform.sh builds it, and LICENSES those of its crates. TAG is
the platform tag of the wheel, or several, separated by dots: the program for Linux is linked statically, and so runs
with glibc and with musl. maturin would build the program again, for each C library.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sys
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "tango_token_sandbox"
# 1980, where the times of a zip file begin.
ZIP_EPOCH = 315532800
PICTURES = "https://raw.githubusercontent.com/tango-token/tango-token/main/docs/images/"
METADATA = """\
Metadata-Version: 2.4
Name: tango-token-sandbox
Version: {version}
Summary: A local Tango authorization server and protected API, over TLS, for demos and tests
License-Expression: MIT OR Apache-2.0
License-File: LICENSE-APACHE
License-File: LICENSE-MIT
License-File: THIRD-PARTY-LICENSES.txt
Project-URL: Homepage, https://github.com/tango-token/tango-token
Requires-Python: >=3.9
Description-Content-Type: text/markdown

{readme}"""
WHEEL = """\
Wheel-Version: 1.0
Generator: tango-token
Root-Is-Purelib: false
{tags}
"""


def main() -> int:
    program, crates, tag, output = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    found = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert found is not None
    version = found[1]
    information = f"{NAME}-{version}.dist-info"
    # PyPI has no pictures of the repository.
    readme = (ROOT / "sandbox/README.md").read_text().replace("](../docs/images/", f"]({PICTURES}")
    tags = "\n".join(f"Tag: py3-none-{one}" for one in tag.split("."))
    licenses = {name: (ROOT / name).read_bytes() for name in ("LICENSE-APACHE", "LICENSE-MIT")}
    licenses["THIRD-PARTY-LICENSES.txt"] = crates.read_bytes()
    files = {
        f"{NAME}-{version}.data/scripts/{program.name}": program.read_bytes(),
        **{f"{information}/licenses/{name}": content for name, content in licenses.items()},
        f"{information}/METADATA": METADATA.format(version=version, readme=readme).encode(),
        f"{information}/WHEEL": WHEEL.format(tags=tags).encode(),
    }
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={digest(content)},{len(content)}" for name, content in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    output.mkdir(parents=True, exist_ok=True)
    wheel = output / f"{NAME}-{version}-py3-none-{tag}.whl"
    modified = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), ZIP_EPOCH))[:6]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, modified)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            archive.writestr(entry, content)
    print(f"{wheel.name}: {wheel.stat().st_size} bytes")
    return 0


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    sys.exit(main())
