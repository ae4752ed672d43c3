"""Shows the traces and metrics of the service on this machine: ``python3 dev.py run --telemetry``.

With ``OTEL_EXPORTER_OTLP_ENDPOINT`` set they are sent there (OTLP over HTTP), else they are printed as JSON: a line for
each span when it ends, and one with all metrics every ten seconds.
"""

import os
import sys
from collections.abc import Callable

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor

from shared.core.version import VERSION

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
MILLISECONDS_BETWEEN_METRICS = 10_000


def observe() -> Callable[[], None]:
    """Configure the OpenTelemetry SDK; gives what to call at the end, so that nothing is lost."""
    if os.environ.get(ENDPOINT):
        # Imported here because they bring protobuf.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return configure(BatchSpanProcessor(OTLPSpanExporter()), PeriodicExportingMetricReader(OTLPMetricExporter()))
    spans = ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: f"{span.to_json(indent=None)}\n")
    measured = ConsoleMetricExporter(out=sys.stderr, formatter=lambda data: f"{data.to_json(indent=None)}\n")
    return configure(SimpleSpanProcessor(spans), PeriodicExportingMetricReader(measured, MILLISECONDS_BETWEEN_METRICS))


def configure(spans: SpanProcessor, reader: MetricReader) -> Callable[[], None]:
    """Have all spans and metrics of this process go to these two; gives what to call at the end."""
    resource = Resource.create({"service.name": "upload-sessions", "service.version": VERSION})
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(spans)
    trace.set_tracer_provider(tracers)
    # Exemplars would add a third to the cost of each measurement.
    meters = MeterProvider([reader], resource, exemplar_filter=AlwaysOffExemplarFilter())
    metrics.set_meter_provider(meters)

    def end() -> None:
        tracers.shutdown()
        meters.shutdown()

    return end
