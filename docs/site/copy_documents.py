#!/usr/bin/env python3
"""Copies every Markdown file of the repository, and every file that one of them links to, into a directory.

The copy has the layout of the repository, so relative links work on the site as they do in the repository. A link to a
directory becomes a link to a page that lists its files.

    docs/site/copy_documents.py DESTINATION
"""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def tracked(*patterns):
    """Returns the paths of all files that match and that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted({Path(path) for path in listed if Path(path).is_file()})


class Copy:
    """The copies below a directory."""

    def __init__(self, destination):
        self.destination = destination
        self.broken = []

    def write(self, path, content):
        copy = self.destination / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)

    def document(self, document):
        """Copies a document and what it links to."""

        def link(match):
            path = (document.parent / match["target"]).resolve()
            if "://" in match["target"] or not path.is_relative_to(Path.cwd()):
                return match[0]
            path = path.relative_to(Path.cwd())
            if not path.exists():
                self.broken.append(f"{document}: the link to {match['target']} leads nowhere")
            if path.is_dir():
                self.listing(path)
                return f"]({match['target'].rstrip('/')}/README.md)"
            if path.is_file() and path.suffix != ".md":
                self.write(path, path.read_bytes())
            return match[0]

        self.write(document, LINK.sub(link, document.read_text()).encode())

    def listing(self, directory):
        """Copies the files of a directory that has no page of its own, and lists them on one."""
        if (directory / "README.md").exists():
            return
        files = [path for path in tracked(f"{directory}/*") if path.parent == directory]
        for path in files:
            self.write(path, path.read_bytes())
        lines = [f"# {directory}", "", *(f"- [{path.name}]({path.name})" for path in files), ""]
        self.write(directory / "README.md", "\n".join(lines).encode())


def main(destination):
    copy = Copy(destination)
    for document in tracked("*.md"):
        # GitHub's templates are forms, not documents.
        if document.parts[0] != ".github":
            copy.document(document)
    if copy.broken:
        sys.exit("\n".join(copy.broken))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
