"""What an operation takes and answers: its requests are held against it, and the OpenAPI document is made of it."""

from dataclasses import dataclass
from typing import Any

from shared.callers import Need
from shared.entities import SESSION, Entity
from shared.models import Body


@dataclass(frozen=True, slots=True)
class Contract:
    """One operation.

    Args:
        answer: the shape of a good answer in JSON, one of ``shared.shapes``; ``None`` if it has none.
        status: of a good answer.
        media_type: of a good answer without a shape; ``None`` if there is no body.
        options: the query options that it takes, beside custom ones.
        entity: what they are asked of.
        body: what it takes.
        conditional: whether it heeds ``If-Match``.
        preferences: what ``Prefer`` may ask for.
        need: what the caller must be allowed; to read or to write, by the method, unless given.
    """

    answer: type[Any] | None = None
    status: int = 200
    media_type: str | None = "application/json"
    options: tuple[str, ...] = ()
    entity: Entity = SESSION
    body: Body | None = None
    conditional: bool = False
    preferences: tuple[str, ...] = ()
    need: Need | None = None
