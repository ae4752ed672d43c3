"""Runs the service with the SDK's in-memory exporters, on a clock that tests move.

``python -m tests.support.observed FILE CLOCK``: at its end it writes to FILE every span and every metric. CLOCK is for
``tests.support.clocked``.
"""

import json
import sys
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from local.telemetry import configure
from tests.support import clocked


def main() -> int:
    """Serve as ``python -m local`` does; gives the exit code."""
    file = Path(sys.argv.pop(1))
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    configure(SimpleSpanProcessor(exporter), reader)
    code = clocked.main()
    content = {"spans": [_span(span) for span in exporter.get_finished_spans()], "metrics": list(_metrics(reader))}
    file.write_text(json.dumps(content))
    return code


def _span(span: Any) -> dict[str, Any]:
    return {
        "id": span.context.span_id,
        "parent": span.parent.span_id if span.parent else None,
        "trace": span.context.trace_id,
        "name": span.name,
        "kind": span.kind.name,
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes),
        "events": [event.name for event in span.events],
        "seconds": (span.end_time - span.start_time) / 1e9,
    }


def _metrics(reader: InMemoryMetricReader) -> Any:
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    histogram = isinstance(point, HistogramDataPoint)
                    yield {
                        "name": metric.name,
                        "unit": metric.unit,
                        "attributes": dict(point.attributes or {}),
                        "value": point.count if histogram else point.value,  # type: ignore[union-attr]
                        "sum": point.sum if histogram else None,  # type: ignore[union-attr]
                    }


if __name__ == "__main__":
    sys.exit(main())
