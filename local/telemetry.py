"""Shows the traces and metrics of the service on this machine: ``python3 dev.py run --telemetry``.

With ``OTEL_EXPORTER_OTLP_ENDPOINT`` set they are sent there (OTLP over HTTP), else they are printed, a line each.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from shared.core.version import VERSION

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SECONDS_BETWEEN_METRICS = 10


def observe(out: TextIO = sys.stderr) -> Callable[[], None]:
    """Configure the OpenTelemetry SDK; gives what to call at the end, so that nothing is lost."""
    return configure(*(_exporting() if os.environ.get(ENDPOINT) else _printing(out)))


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


def _exporting() -> tuple[SpanProcessor, MetricReader]:
    # Imported here because they bring protobuf.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return BatchSpanProcessor(OTLPSpanExporter()), PeriodicExportingMetricReader(OTLPMetricExporter())


def _printing(out: TextIO) -> tuple[SpanProcessor, MetricReader]:
    metrics_every = SECONDS_BETWEEN_METRICS * 1000
    return TracePrinter(out), PeriodicExportingMetricReader(MetricPrinter(out), metrics_every)


class TracePrinter(SpanProcessor):
    """Prints each trace when its first span ends: a line for each span, those within it indented."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._traces: dict[int, list[ReadableSpan]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Wait for the span to end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Print the trace if this was its first span."""
        context = span.get_span_context()
        trace_id = context.trace_id if context else 0
        self._traces.setdefault(trace_id, []).append(span)
        if span.parent is None:
            for line in _tree(span, self._traces.pop(trace_id), 0):
                self._out.write(f"trace {trace_id & 0xFFFFFFFF:08x}  {line}\n")
            self._out.flush()


def _tree(span: ReadableSpan, spans: list[ReadableSpan], depth: int) -> Iterator[str]:
    milliseconds = ((span.end_time or 0) - (span.start_time or 0)) / 1e6
    yield f"{'  ' * depth}{span.name}  {milliseconds:.1f} ms  {_words(span.attributes or {})}".rstrip()
    context = span.get_span_context()
    within = [each for each in spans if each.parent and context and each.parent.span_id == context.span_id]
    for each in sorted(within, key=lambda each: each.start_time or 0):
        yield from _tree(each, spans, depth + 1)


def _words(attributes: Mapping[str, Any]) -> str:
    return " ".join(
        f"{name}={value:.4f}" if isinstance(value, float) else f"{name}={value}" for name, value in attributes.items()
    )


class MetricPrinter(MetricExporter):
    """Prints what has changed since the last time: a line for each metric and set of attributes."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA))
        self._out = out

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        """Print all."""
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        words = f"{_words(point.attributes or {})}  {_value(point)} {metric.unit}"
                        self._out.write(f"metric  {metric.name}  {words.strip()}\n")
        self._out.flush()
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is held back."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Nothing is open."""


def _value(point: Any) -> str:
    if isinstance(point, HistogramDataPoint):
        return f"count={point.count} sum={point.sum:.4g} max={point.max:.4g}"
    return f"{point.value}" if isinstance(point, NumberDataPoint) else str(point)
