"""What an operation takes and answers: its requests are held against it, and the OpenAPI document is made of it."""

from dataclasses import dataclass
from typing import Any

from shared.domain.callers import Need
from shared.models.requests import RequestBody
from shared.query.capabilities import SESSION, Capabilities


@dataclass(frozen=True, slots=True)
class Contract:
    """One operation.

    Args:
        answer: the shape of a good answer in JSON, one of ``shared.models.responses``; ``None`` if it has none.
        status: of a good answer.
        media_type: of a good answer without a shape; ``None`` if there is no body.
        options: the query options that it takes, beside custom ones.
        capabilities: what they are asked of.
        body: what it takes.
        conditional: whether it heeds ``If-Match``.
        preferences: what ``Prefer`` may ask for.
        need: what the caller must be allowed; to read or to write, by the method, unless given.
    """

    answer: type[Any] | None = None
    status: int = 200
    media_type: str | None = "application/json"
    options: tuple[str, ...] = ()
    capabilities: Capabilities = SESSION
    body: RequestBody | None = None
    conditional: bool = False
    preferences: tuple[str, ...] = ()
    need: Need | None = None
