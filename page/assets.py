"""The files of the page, read and compressed once a process, and served under the digest of all of them."""

import gzip
import hashlib
import posixpath
import re
from collections.abc import KeysView, Mapping
from pathlib import Path
from typing import NamedTuple

from fastapi import Response

from shared.core.settings import settings

FOLDER = Path(__file__).parent / "static"

_MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def _content_security_policy() -> str:
    """Everything from this origin only, nothing inline; requests also to where people sign in.

    W3C Content Security Policy Level 3. The page builds elements and never parses markup, so that trusted types are
    required and none is allowed.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' {settings().authority_base}",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


_COMMON_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
PAGE_HEADERS = _COMMON_HEADERS | {
    "Content-Security-Policy": _content_security_policy(),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}


# A file never changes under its address.
FILE_HEADERS = _COMMON_HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}


class Asset(NamedTuple):
    """One file of the page, as it is and compressed."""

    media_type: str
    plain: bytes
    compressed: bytes

    @classmethod
    def of(cls, media_type: str, plain: bytes) -> "Asset":
        """A file with these bytes."""
        return cls(media_type, plain, gzip.compress(plain, mtime=0))

    def response(self, accept_encoding: str, headers: Mapping[str, str]) -> Response:
        """The answer with this file."""
        headers = {**headers, "Vary": "Accept-Encoding"}
        if "gzip" in accept_encoding.lower():
            return Response(self.compressed, media_type=self.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(self.plain, media_type=self.media_type, headers=headers)


class Assets(NamedTuple):
    """All files of the page: its document, and what that loads."""

    document: bytes
    version: str
    files: Mapping[str, Asset]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Assets":
        """Read the folder. The document loads the modules of home at once, and then those of a session.

        A browser learns of an import when it has read the module; to wait for one after the other takes seconds on a
        slow connection. What is imported by ``import()`` only is loaded when it is needed.
        """
        files = {
            path.relative_to(folder).as_posix(): _asset(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _MEDIA_TYPES
        }
        digest = hashlib.sha256()
        for name, asset in files.items():
            digest.update(f"{name}\0{len(asset.plain)}\0".encode() + asset.plain)
        version = digest.hexdigest()[:16]
        base = f"/uploads/assets/{version}"
        start, view = _imported(files, "main.js"), _imported(files, "views/session.js")
        after = [name for name in view if name not in start]
        preloads = "\n".join(
            f'    <link rel="modulepreload"{priority} href="{base}/{name}">'
            for names, priority in ((start, ""), (after, ' fetchpriority="low"'))
            for name in names
        )
        document = (folder / "index.html").read_text()
        document = document.replace("{preloads}", preloads).replace("{assets}", base)
        return cls(document.encode(), version, files)

    def find(self, version: str, path: str) -> Asset | None:
        """The file of that name; ``None`` for another version's, which an old document may still ask for."""
        return self.files.get(path) if version == self.version else None


_IMPORT = re.compile(rb'^import [^"]*"([^"]+)";', re.MULTILINE)


def _imported(files: Mapping[str, Asset], name: str) -> KeysView[str]:
    """A module and all that it imports, in the order of their depth."""
    found: dict[str, None] = {}
    names = [name]
    while names:
        name = names.pop(0)
        if name not in found:
            found[name] = None
            folder = posixpath.dirname(name)
            imported = _IMPORT.findall(files[name].plain)
            names += [posixpath.normpath(posixpath.join(folder, each.decode())) for each in imported]
    return found.keys()


def _asset(path: Path) -> Asset:
    return Asset.of(_MEDIA_TYPES[path.suffix], path.read_bytes())
