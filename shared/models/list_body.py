"""The body with a list (the directory, an application's accounts): the CSV text itself, or a form with one file."""

from typing import Any

from python_multipart.multipart import parse_options_header

from shared.core.errors import UNSUPPORTED_MEDIA_TYPE, GraphError
from shared.models.bodies import RequestBody
from shared.models.dialects import Dialect
from shared.models.upload_form import FORM_BODY, FormFile

CSV = "text/csv"


def _text(_: Dialect) -> dict[str, Any]:
    return {"type": "string", "description": "A CSV file."}


LIST_BODY = RequestBody(CSV, _text, also=FORM_BODY)


class ListBody:
    """A parser without I/O: feed it the body in chunks, and get the list's bytes of each."""

    def __init__(self, content_type: str | None, *, max_form_bytes: int) -> None:
        """Start a body with this ``Content-Type``.

        Raises:
            GraphError: 415 unless it is ``text/csv`` or ``multipart/form-data``.
        """
        media_type, _ = parse_options_header(content_type)
        if media_type not in (CSV.encode(), b"multipart/form-data"):
            raise GraphError(
                UNSUPPORTED_MEDIA_TYPE,
                f"Send the list with the header 'Content-Type: {CSV}', or as a form with one part named 'file'.",
            )
        is_form = media_type != CSV.encode()
        self._form = FormFile(content_type, max_form_bytes=max_form_bytes) if is_form else None

    def feed(self, data: bytes) -> list[bytes]:
        """The list's bytes in the next chunk of the body.

        Raises:
            GraphError: 400, when the form is not valid.
        """
        return [data] if self._form is None else self._form.feed(data)

    def close(self) -> None:
        """End the body.

        Raises:
            GraphError: 400, when the form was cut off, or has no file.
        """
        if self._form is not None:
            self._form.close()
