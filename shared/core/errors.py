"""Every error that the API can return, and the JSON shape that they share.

The codes are Microsoft Graph's documented ones ("Microsoft Graph error responses and resource types"); the specific
reason goes into ``innerError.code``. The catalogue below is the only place that maps a code to an HTTP status.

The exceptions of the app, and who catches them::

    Exception
    ├── GraphError                    an answer; anywhere, for the endpoint wrapper
    │   └── NewerFormatError          503: a row of a newer version of the app
    ├── SettingsError                 settings are wrong: the app does not start
    ├── ClaimsError                   a token lacks what tells the caller: the authentication answers 401
    ├── BadTokenError                 a token is not valid: the same
    ├── KeysUnavailableError          the keys of tokens cannot be fetched: 503
    ├── TooSlowError                  a client sends or takes too little: 408, or the end of its download
    ├── ConcurrentChangeError         another request was first: the change is decided anew
    ├── DeclarationError              a declaration of files is not valid: 400
    ├── ListError                     a directory or a list of accounts is refused: 400
    ├── DeliveryError                 an attempt has failed: written into the delivery
    │   ├── NotThereError             the session at the target is gone
    │   ├── ExpiredListError          a list of users can no longer be continued: it is fetched anew
    │   ├── ConflictError             the target has something that does not go with the request
    │   ├── UnexpectedChangeError     the target finds the number of rows implausible
    │   ├── PauseError                the target asks for a pause of all requests
    │   └── GoneError                 the receiver of events takes nothing any more
    ├── azure.core.exceptions.AzureError
    │   ├── BlocksDiscardedError      blocks of an upload are gone: the session is looked at again
    │   └── StorageNotConfiguredError no storage account: as an outage of storage, 503
    ├── azure.core.exceptions.ServiceResponseTimeoutError
    │   └── QueryTooLongError         a query reads too much: 500
    ├── OSError
    │   └── ForbiddenAddressError     a target in a private network: as one that cannot be reached
    └── ValueError
        └── BadSecretError            the secret of a receiver of events: the app does not start
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """A kind of error: its HTTP status, Graph's code, and the specific code for ``innerError``."""

    status: int
    code: str
    inner_code: str


INVALID_REQUEST = Problem(400, "invalidRequest", "badRequest")
INVALID_FILE = Problem(400, "invalidRequest", "invalidFile")
INVALID_QUERY_OPTION = Problem(400, "invalidRequest", "invalidQueryOption")
INVALID_PARAMETER = Problem(400, "invalidRequest", "invalidParameterFormat")
NOT_UPDATEABLE = Problem(400, "invalidRequest", "propertyNotUpdateable")
MALFORMED_ETAG = Problem(400, "invalidRequest", "malformedEntityTag")
TOO_MANY_FILES = Problem(400, "invalidRequest", "maxItemCountExceeded")
TOO_MANY_REFUSALS = Problem(400, "invalidRequest", "maxItemCountExceeded")
TOO_MANY_SESSIONS = Problem(400, "invalidRequest", "maxItemCountExceeded")
UNAUTHENTICATED = Problem(401, "unauthenticated", "unauthenticated")
ACCESS_DENIED = Problem(403, "accessDenied", "accessDenied")
UNKNOWN_PATH = Problem(404, "itemNotFound", "itemNotFound")
SESSION_NOT_FOUND = Problem(404, "itemNotFound", "uploadSessionNotFound")
FILE_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
REFUSAL_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
GRANT_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
DELIVERY_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
RESOURCE_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
IMPORT_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
ACCOUNTS_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
DIRECTORY_NOT_FOUND = Problem(404, "itemNotFound", "itemNotFound")
METHOD_NOT_ALLOWED = Problem(405, "notAllowed", "notAllowed")
REQUEST_TIMEOUT = Problem(408, "invalidRequest", "requestTimeout")
REFERENCE_TAKEN = Problem(409, "nameAlreadyExists", "nameAlreadyExists")
NAME_TAKEN = Problem(409, "nameAlreadyExists", "nameAlreadyExists")
SESSION_INCOMPLETE = Problem(409, "notAllowed", "uploadSessionIncomplete")
UNEXPECTED_CHANGE = Problem(409, "notAllowed", "unexpectedChange")
SESSION_OVER = Problem(409, "notAllowed", "uploadSessionFailed")
ETAG_MISMATCH = Problem(412, "resourceModified", "entityTagDoesNotMatch")
FILE_TOO_LARGE = Problem(413, "invalidRequest", "maxFileSizeExceeded")
BODY_TOO_LARGE = Problem(413, "invalidRequest", "maxFileSizeExceeded")
UNSUPPORTED_MEDIA_TYPE = Problem(415, "notSupported", "notSupported")
RANGE_NOT_SATISFIABLE = Problem(416, "invalidRequest", "invalidRange")
TOO_MANY_REQUESTS = Problem(429, "activityLimitReached", "throttledRequest")
INTERNAL = Problem(500, "generalException", "generalException")
INCOMPLETE_DATA = Problem(500, "generalException", "incompleteData")
# Not 503 or 504, which Graph's clients repeat at once.
QUERY_TOO_LONG = Problem(500, "generalException", "queryTookTooLong")
KEYS_UNAVAILABLE = Problem(503, "serviceNotAvailable", "serviceNotAvailable")
TOO_MANY_TRANSFERS = Problem(503, "serviceNotAvailable", "serviceNotAvailable")
STORAGE_UNAVAILABLE = Problem(503, "serviceNotAvailable", "serviceNotAvailable")
NEWER_FORMAT = Problem(503, "serviceNotAvailable", "newerDataFormat")


class Detail(NamedTuple):
    """One entry of ``error.details``: a code, a message, and the place in the request that it refers to."""

    code: str
    message: str
    target: str


class GraphError(Exception):
    """An error response: raised anywhere, turned into JSON only by the endpoint wrapper."""

    def __init__(
        self,
        problem: Problem,
        message: str,
        *,
        target: str | None = None,
        details: Sequence[Detail] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message
        self.target = target
        self.details = details
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self, *, request_id: str, client_request_id: str, at: datetime | None = None) -> dict[str, Any]:
        """The response's JSON, in the shape of Graph's ``odataError``.

        ``extra`` goes into ``innerError``, which is an open type: facts that a program can use, such as the id of the
        session that holds a reference.
        """
        error: dict[str, Any] = {"code": self.problem.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        if self.details:
            error["details"] = [
                {"code": detail.code, "message": detail.message, "target": detail.target} for detail in self.details
            ]
        error["innerError"] = {
            "code": self.problem.inner_code,
            "date": (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": client_request_id,
            **self.extra,
        }
        return {"error": error}


def invalid_option(option: str, reason: str) -> GraphError:
    """The error for a query option: what is wrong with it, and what would be valid."""
    return GraphError(INVALID_QUERY_OPTION, f"{option}: {reason}.", target=option)


def counted(number: int, noun: str) -> str:
    """A count with its noun in the right number: ``1 finding``, ``2,000 findings``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shortened(text: str) -> str:
    """The caller's text, short enough to be quoted in a message."""
    return text if len(text) <= 60 else f"{text[:60]}..."
