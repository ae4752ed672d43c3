"""The project's Markdown documents: their headings, links and code blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

DELIVERIES = ROOT / "docs" / "deliveries.md"

_EVENT_ROW = re.compile(r"^\| `(uploads\.[\w.]+)` \|[^|]*\|([^|]*)\|", re.MULTILINE)
_FENCE = re.compile(r"^\s*```(\w*)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$")
_LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block. ``marker`` is the text of the HTML comment on the line above it, empty if there is none."""

    document: str
    line: int
    language: str
    marker: str
    text: str

    @property
    def place(self) -> str:
        """The document and the line of the fence."""
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """All Markdown documents of the project."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
    return sorted(path for path in found if not path.relative_to(ROOT).parts[0].startswith("."))


def name_of(path: Path) -> str:
    """A document's path from the root of the project."""
    return path.relative_to(ROOT).as_posix()


def code_blocks(path: Path) -> Iterator[CodeBlock]:
    """The fenced code blocks of a document."""
    lines = path.read_text().splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if start is None:
            start, language = number, fence[1]
            continue
        above = lines[start - 1].strip() if start else ""
        marker = above.removeprefix("<!--").removesuffix("-->").strip() if above.startswith("<!--") else ""
        yield CodeBlock(name_of(path), start + 1, language, marker, "\n".join(lines[start + 1 : number]) + "\n")
        start = None


def prose(path: Path) -> list[tuple[int, str]]:
    """The numbered lines of a document outside its code blocks."""
    lines, inside = [], False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            lines.append((number, line))
    return lines


def links(path: Path) -> Iterator[tuple[int, str]]:
    """The targets of a document's links, with their lines."""
    for number, line in prose(path):
        for found in _LINK.finditer(line):
            yield number, found[1]


@cache
def anchors(path: Path) -> frozenset[str]:
    """The anchors that GitHub makes of a document's headings."""
    made: set[str] = set()
    for _, line in prose(path):
        heading = _HEADING.match(line)
        if heading is None:
            continue
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
        anchor = base = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = 0
        while anchor in made:
            count += 1
            anchor = f"{base}-{count}"
        made.add(anchor)
    return frozenset(made)


def documented_events() -> dict[str, frozenset[str]]:
    """The events in the table of docs/deliveries.md: the type, and the names of its own data."""
    rows = _EVENT_ROW.findall(DELIVERIES.read_text())
    return {event_type: frozenset(re.findall(r"`(\w+)`", data)) for event_type, data in rows}
