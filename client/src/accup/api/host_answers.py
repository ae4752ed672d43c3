"""What an answer of Microsoft's Functions host itself means, and what to do. Data only, with the source of each row.

Such an answer has no body and no ``request-id`` header; every answer of the service has both. "Seen" means: on
Functions host 4.1037.0, with its Python worker.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """One status: what it means, and what to do."""

    meaning: str
    advice: str


HOST_BODY_BYTES = 104_857_600
"""The largest request body that the host accepts unless ``FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`` says otherwise (seen)."""

HOST_ANSWERS = {
    # Seen for %00 in a path, header names and values that are not ASCII, and two lengths that differ.
    400: HostAnswer(
        "The host does not accept the request: its address or a header has characters that are not allowed.",
        "Check the URL and the token. If a proxy is in between, try without it.",
    ),
    # Seen for each path of no function; and for each path at all after a wrong setting, with "0 functions loaded".
    404: HostAnswer(
        "The host has no function at this address: the URL is not that of the service, or the service has not started.",
        'Check the URL. If the log says "0 functions loaded", it also names the setting that is missing or wrong.',
    ),
    # Not seen: 4.1037.0 answers 500. It is Kestrel's own answer to a large body, and that of gateways (RFC 9110,
    # section 15.5.14).
    413: HostAnswer(
        "The body is larger than the host accepts.",
        "Split the file, or let the administrator raise FUNCTIONS_REQUEST_BODY_SIZE_LIMIT "
        f"(default {HOST_BODY_BYTES:,} bytes).",
    ),
    # Seen for a request line of more than 8 KiB.
    414: HostAnswer("The address is longer than 8 KiB.", "Use a shorter $filter."),
    # Seen when 100 requests ran (maxConcurrentRequests) and as many as allowed waited (maxOutstandingRequests); there
    # was no Retry-After.
    429: HostAnswer(
        "The instance has no free slot for the request.",
        "Run the same command again later; more instances help if this happens often.",
    ),
    # Seen for headers of 40 kB, and for 120 headers.
    431: HostAnswer(
        "The headers are larger than 32 KiB, or more than 100. Usually the token has too many groups.",
        "Let the administrator limit the groups in tokens to those that are assigned to the application.",
    ),
    # Seen for a body above the limit, with a length or chunked; for one that stalled for five seconds; and whenever the
    # app answered before it had read the body: the host does not hand that answer on.
    500: HostAnswer(
        "The service gave no answer. If this was an upload: the body is larger than the host accepts, it stalled, or "
        "the service refused it before its end.",
        "If it happens again, the log has the reason. For large files, split the file, or let the administrator raise "
        f"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT (default {HOST_BODY_BYTES:,} bytes).",
    ),
    # Not seen: the answer of a gateway, which Azure's front end is, without a usable answer from behind it (RFC 9110,
    # section 15.6.3).
    502: HostAnswer(
        "The service does not answer: it is restarted, or its process has ended.",
        "Run the same command again later. If it stays so, the log has the reason.",
    ),
    # Not seen: the answer of a server that is not ready, or has no capacity (RFC 9110, section 15.6.4).
    503: HostAnswer(
        "The service is being started, or is stopped.",
        "Run the same command again later. If it stays so, see whether the app is running.",
    ),
}
