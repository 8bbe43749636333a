"""Traces and metrics in the form of OpenTelemetry, sent in the background; nothing leaves unless configured."""
