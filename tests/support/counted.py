"""``python -m tests.support.counted FILE``: the service with telemetry, which writes each span to FILE when it ends."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from local.__main__ import main
from local.telemetry import configure
from tests.support.round_trips import Span


class _Lines(SpanExporter):
    """Writes a line for each span."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            assert span.context is not None
            assert span.start_time is not None
            assert span.end_time is not None
            attributes = span.attributes or {}
            line = Span(
                trace=f"{span.context.trace_id:032x}",
                name=span.name,
                start=span.start_time,
                end=span.end_time,
                is_call="uploads.storage.service" in attributes,
                is_request="uploads.operation" in attributes,
            )
            self._out.write(json.dumps(line._asdict()) + "\n")
        return SpanExportResult.SUCCESS


if __name__ == "__main__":
    with Path(sys.argv.pop(1)).open("w") as file:
        configure(SimpleSpanProcessor(_Lines(file)), InMemoryMetricReader())
        sys.exit(main())
