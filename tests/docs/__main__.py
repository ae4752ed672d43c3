"""Writes the generated tables of the documentation: ``.venv/bin/python -m tests.docs``."""

import sys

from tests.docs.documents import documents, name_of
from tests.docs.reference import with_sections


def main() -> None:
    """Write each document whose generated sections differ from the code."""
    for path in documents():
        text = path.read_text()
        if (current := with_sections(text)) != text:
            path.write_text(current)
            sys.stdout.write(f"{name_of(path)}\n")


if __name__ == "__main__":
    main()
