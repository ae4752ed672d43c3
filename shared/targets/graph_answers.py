"""What the answers of an upload session's target mean: a session and its files, or an error in words for people."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp

from shared.core.errors import UNEXPECTED_CHANGE
from shared.domain.deliveries import DeliveryError
from shared.targets.pauses import refusal

# Up to this much of an answer is read: a session with the files of a thousand names has less.
_MAX_ANSWER_BYTES = 4 * 1024 * 1024

_CODE = re.compile(r"[A-Za-z0-9_.]{1,64}")


class TargetFile(NamedTuple):
    """A file that the target has. ``sha256`` in hex: another instance of this service tells it, Graph does not."""

    id: str
    name: str
    size: int
    sha256: str | None


class TargetSession(NamedTuple):
    """An upload session of the target, as it is now; ``counts`` are its numbers of files and bytes, if it has them."""

    id: str
    reference_id: str
    status: str
    files: tuple[TargetFile, ...]
    counts: tuple[int, int] | None
    etag: str | None


class NotThereError(DeliveryError):
    """The target has no such session, or no such resource."""


class ConflictError(DeliveryError):
    """The request does not go with what the target has now; to create a session: the review instance has one."""


class UnexpectedChangeError(DeliveryError):
    """Another instance of this service finds that the number of rows differs too much (``Prefer: allow-change``)."""


async def bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an answer.

    Raises:
        DeliveryError: it is too long.
    """
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > _MAX_ANSWER_BYTES:
            raise DeliveryError("The target's answer is too long.")
    return bytes(content)


@contextmanager
def expected_shape() -> Iterator[None]:
    """Turn the errors of an answer that has another shape into ``DeliveryError``."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError):
        raise DeliveryError("The target's answer is not that of an upload session.") from None


def session_of(body: Mapping[str, Any]) -> TargetSession:
    """The session in an answer. It raises what ``expected_shape`` expects."""
    stats = body.get("stats")
    return TargetSession(
        id=str(body["id"]),
        reference_id=str(body.get("referenceId", "")),
        status=str(body.get("status", "")),
        files=tuple(
            TargetFile(str(file["id"]), str(file["name"]), int(file["size"]), file.get("@uploads.sha256"))
            for file in body.get("files") or ()
        ),
        counts=(int(stats["filesUploaded"]), int(stats["totalBytesUploaded"])) if stats else None,
        etag=body.get("@odata.etag"),
    )


def refused(answer: aiohttp.ClientResponse, content: bytes) -> DeliveryError:
    """What an error response means: whether another attempt helps, when, and what a person can do."""
    try:
        error = json.loads(content)["error"]
        # The more exact code, where there is one.
        code = str((error.get("innerError") or {}).get("code") or error.get("code", ""))
        message = str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        code = message = ""
    said = f"{answer.status} {code}" if _CODE.fullmatch(code) else str(answer.status)
    if answer.status == 409:
        if code == UNEXPECTED_CHANGE.inner_code:
            # The only answer whose own words are repeated: nobody else knows the numbers and the limit.
            words = re.sub(r"[^ !#-~]+", " ", message)[:500]
            return UnexpectedChangeError(f"The target does not complete its session ({said}). {words}", final=True)
        return ConflictError(f"The request does not go with what the target has now ({said}).")
    if answer.status == 404:
        return NotThereError(
            f"The target does not have this resource or session ({said}). If the resource has other ids there, set "
            "them as the property upstream of its description."
        )
    if 300 <= answer.status < 400:
        return DeliveryError(
            f"The target answered with a redirect ({said}), which is not followed. Check UPLOADS_FORWARD_URL.",
            final=True,
        )
    if answer.status == 400 and answer.method == "GET":
        return DeliveryError(
            f"The target does not understand a query of its sessions ({said}). Check UPLOADS_FORWARD_URL."
        )
    words, final = MEANINGS.get(answer.status, ("The target failed ({}).", False))
    return refusal(answer, words.format(said), final=final)


# By status: the sentence, and whether another attempt is pointless.
MEANINGS = {
    400: ("The target refused the upload session or a file ({}).", True),
    401: ("The target did not accept the app's token ({}). Check UPLOADS_FORWARD_SCOPE.", False),
    403: (
        (
            "The app's identity is not permitted to do this at the target ({}). It needs the application permission "
            "EntitlementManagement.ReadWrite.All, or the role Catalog owner in the catalog."
        ),
        False,
    ),
    412: ("The target's session was changed by somebody else during the attempt ({}).", False),
    413: ("The target accepts no file of this size ({}).", True),
    415: ("The target does not accept the file's type ({}).", True),
    429: ("The target is busy ({}).", False),
    503: ("The target is not available ({}).", False),
}
