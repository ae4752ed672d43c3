"""The contract of an operation: its requests are checked against it, and the OpenAPI document is generated from it."""

from typing import Any, NamedTuple

from shared.domain.callers import Need
from shared.models.bodies import RequestBody
from shared.query.capabilities import SESSION, Capabilities


class Contract(NamedTuple):
    """The contract of one operation.

    Args:
        response: the type of a successful JSON response, from ``shared.models.responses``; ``None`` if it has none.
        status: the status of a successful response.
        media_type: the media type of a successful response; ``None`` if it has no body.
        options: the query options that the operation supports.
        capabilities: the properties that the query options can name.
        body: the body of the request.
        content_codings: the values of ``Content-Encoding`` that the operation supports.
        conditional: whether the operation supports ``If-Match``.
        ranges: whether the operation supports ``Range``.
        preferences: the preferences that the operation supports in the header ``Prefer``.
        headers: what every successful response has in addition to the headers that follow from the rest.
        graph: whether Microsoft Graph has the operation, too.
        need: the permission that the caller needs. The default depends on the method: to read for GET, else to write.
    """

    response: type[Any] | None = None
    status: int = 200
    media_type: str | None = "application/json"
    options: tuple[str, ...] = ()
    capabilities: Capabilities = SESSION
    body: RequestBody | None = None
    content_codings: tuple[str, ...] = ()
    conditional: bool = False
    ranges: bool = False
    preferences: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    graph: bool = False
    need: Need | None = None

    @property
    def has_etag(self) -> bool:
        """Whether a successful response is one thing with an ETag."""
        annotations = getattr(self.response, "__annotations__", {})
        return (
            self.ranges or "ETag" in self.headers or ("@odata.etag" in annotations and "@odata.context" in annotations)
        )
