"""Traces and metrics, through the OpenTelemetry API only: without a configured SDK, everything here does nothing.

In Azure the Functions worker configures the SDK (``PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY``), on a developer's
machine ``local/telemetry.py`` does. Nothing here ever takes data of a request but for counts, durations and codes.
``docs/operate.md`` lists every span and metric.
"""
