"""``python -m bench.observed``: the service with telemetry switched on, whose exporters keep everything in memory."""

import sys

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from local.__main__ import main
from local.telemetry import configure

if __name__ == "__main__":
    configure(BatchSpanProcessor(InMemorySpanExporter()), InMemoryMetricReader())
    sys.exit(main())
