#!/usr/bin/env python3
"""Copies every Markdown file of the repository, and every file that one of them links to, into a directory.

The copy has the layout of the repository, so relative links work on the site as they do in the repository.

    docs/site/copy_documents.py DESTINATION
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")


def documents():
    """Returns the paths of all Markdown files that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    # GitHub's templates are forms, not documents.
    return [Path(path) for path in listed if Path(path).exists() and not path.startswith(".github/")]


def linked_files(document):
    """Yields the files that a document links to. Links that lead nowhere are left for MkDocs to report."""
    for target in LINK.findall(document.read_text()):
        path = document.parent / target
        if "://" in target or path.suffix == ".md":
            continue
        if path.is_dir():
            sys.exit(f"{document}: the link to {target} is to a directory; link to a file in it")
        if path.is_file():
            yield path.resolve().relative_to(Path.cwd())


def main(destination):
    for document in documents():
        for path in [document, *linked_files(document)]:
            copy = destination / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
