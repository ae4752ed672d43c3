"""The metrics of the service. Every attribute has a small, fixed set of values."""

from opentelemetry.metrics import get_meter

_meter = get_meter("uploads")

_REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
_UPLOAD_SECONDS = [0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600]

REQUEST_DURATION = _meter.create_histogram(
    "uploads.request.duration",
    unit="s",
    description="Duration of requests, of a download until its end.",
    explicit_bucket_boundaries_advisory=_REQUEST_SECONDS,
)
BYTES_RECEIVED = _meter.create_counter(
    "uploads.request.received", unit="By", description="Bytes of request bodies that were read."
)
BYTES_SENT = _meter.create_counter(
    "uploads.request.sent", unit="By", description="Bytes of response bodies that were sent."
)
UPLOAD_DURATION = _meter.create_histogram(
    "uploads.upload.duration",
    unit="s",
    description="Duration of uploads, from the first byte to the answer of storage.",
    explicit_bucket_boundaries_advisory=_UPLOAD_SECONDS,
)
VALIDATION_DURATION = _meter.create_histogram(
    "uploads.validation.duration",
    unit="s",
    description="Time that the validator worked on a file.",
    explicit_bucket_boundaries_advisory=_UPLOAD_SECONDS,
)
ROWS = _meter.create_counter("uploads.rows", unit="{row}", description="Rows of accepted files.")
FINDINGS = _meter.create_counter(
    "uploads.findings", unit="{finding}", description="Findings listed in answers, of uploads and dry runs."
)
REFUSALS = _meter.create_counter("uploads.refusals", unit="{file}", description="Files that were refused.")

SESSIONS_CREATED = _meter.create_counter("uploads.sessions.created", unit="{session}", description="Sessions created.")
SESSIONS_COMPLETED = _meter.create_counter(
    "uploads.sessions.completed", unit="{session}", description="Sessions marked as done."
)
SESSIONS_EXPIRED = _meter.create_counter(
    "uploads.sessions.expired", unit="{session}", description="Sessions that expired."
)
SESSIONS_EXPIRING = _meter.create_counter(
    "uploads.sessions.expiring", unit="{session}", description="Sessions with files that will expire soon."
)
TIME_LEFT = _meter.create_histogram(
    "uploads.session.time_left",
    unit="s",
    description="Time until the expiry of a session when it was marked as done.",
    explicit_bucket_boundaries_advisory=[60, 300, 900, 1800, 3600, 5400, 7200, 14400, 86400],
)

STORAGE_FAILURES = _meter.create_counter(
    "uploads.storage.failures", unit="{call}", description="Calls to storage that were refused, failed, or unanswered."
)
STORAGE_RETRIES = _meter.create_counter(
    "uploads.storage.retries", unit="{call}", description="Calls to storage that were repeats of failed ones."
)
STORAGE_THROTTLED = _meter.create_counter(
    "uploads.storage.throttled", unit="{call}", description="Calls that storage refused because there were too many."
)

DELIVERIES = _meter.create_counter(
    "uploads.deliveries",
    unit="{attempt}",
    description="Attempts at deliveries, by target and the delivery's new state.",
)
DELIVERIES_AGE = _meter.create_gauge(
    "uploads.deliveries.age", unit="s", description="How long the oldest delivery had waited that a tick looked at."
)

TICKS = _meter.create_counter("uploads.timer.ticks", unit="{tick}", description="Runs of the expiry timer.")
TICK_SESSIONS_PROCESSED = _meter.create_counter(
    "uploads.timer.sessions", unit="{session}", description="Due sessions that the timer processed, by outcome."
)
BACKLOG = _meter.create_gauge(
    "uploads.timer.backlog", unit="{session}", description="Due sessions that a tick left for the next one."
)
BACKLOG_AGE = _meter.create_gauge(
    "uploads.timer.backlog.age", unit="s", description="How long the oldest due session had waited for a tick."
)


def count_expired(files: int) -> None:
    """Count an expired session, and whether it had files: those that somebody uploaded for nothing."""
    SESSIONS_EXPIRED.add(1, {"uploads.with_files": files > 0})


def count_delivery(target: str, state: str) -> None:
    """Count an attempt at a delivery by its target and the delivery's state after it."""
    DELIVERIES.add(1, {"uploads.delivery.target": target, "uploads.delivery.state": state})
