"""KEDA's side of the external scaler, by the protobuf library and grpcio: independent of how ours are written.

The field numbers are those of KEDA's interface.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TEXT, BOOL, INT, DOUBLE, MESSAGE = 9, 8, 3, 1, 11
SERVICE = "/externalscaler.ExternalScaler/"
MESSAGES: dict[str, list[tuple[str, int, int, str]]] = {
    "ScaledObjectRef": [("name", 1, TEXT, ""), ("namespace", 2, TEXT, ""), ("scalerMetadata", 3, MESSAGE, "*map")],
    "IsActiveResponse": [("result", 1, BOOL, "")],
    "MetricSpec": [("metricName", 1, TEXT, ""), ("targetSize", 2, INT, ""), ("targetSizeFloat", 3, DOUBLE, "")],
    "GetMetricSpecResponse": [("metricSpecs", 1, MESSAGE, "*MetricSpec")],
    "GetMetricsRequest": [("scaledObjectRef", 1, MESSAGE, "ScaledObjectRef"), ("metricName", 2, TEXT, "")],
    "MetricValue": [("metricName", 1, TEXT, ""), ("metricValue", 2, INT, ""), ("metricValueFloat", 3, DOUBLE, "")],
    "GetMetricsResponse": [("metricValues", 1, MESSAGE, "*MetricValue")],
}


def messages() -> dict[str, Any]:
    """The message classes by name."""
    file = descriptor_pb2.FileDescriptorProto(name="external.proto", package="externalscaler", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            entry = message.field.add(name=field, number=number, type=kind, label=3 if of.startswith("*") else 1)
            if of == "*map":
                entry.type_name = f".externalscaler.{name}.ScalerMetadataEntry"
                pair = message.nested_type.add(name="ScalerMetadataEntry")
                pair.options.map_entry = True
                pair.field.add(name="key", number=1, type=TEXT, label=1)
                pair.field.add(name="value", number=2, type=TEXT, label=1)
            elif of:
                entry.type_name = f".externalscaler.{of.removeprefix('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"externalscaler.{name}")) for name in MESSAGES
    }


class Client:
    """A channel to a scaler. ``pool``: what stands in the trigger's metadata."""

    def __init__(self, channel: Any, pool: str = "") -> None:
        self._channel = channel
        self.made = messages()
        self.ref = self.made["ScaledObjectRef"](name="chat", namespace="llm", scalerMetadata={"pool": pool, "x": "y"})

    async def ask(self, method: str, answer: str, request: Any = None) -> Any:
        """One answer."""
        call = self._channel.unary_unary(
            SERVICE + method, lambda message: message.SerializeToString(), self.made[answer].FromString
        )
        return await call(self.ref if request is None else request, timeout=30)

    async def active(self) -> bool:
        """IsActive."""
        return bool((await self.ask("IsActive", "IsActiveResponse")).result)

    async def spec(self) -> Any:
        """GetMetricSpec: its one metric."""
        (spec,) = (await self.ask("GetMetricSpec", "GetMetricSpecResponse")).metricSpecs
        return spec

    async def value(self, metric: str = "desired_replicas") -> Any:
        """GetMetrics: its one value."""
        request = self.made["GetMetricsRequest"](scaledObjectRef=self.ref, metricName=metric)
        (value,) = (await self.ask("GetMetrics", "GetMetricsResponse", request)).metricValues
        return value

    def stream(self, method: str, answer: str) -> Any:
        """A stream of answers."""
        call = self._channel.unary_stream(
            SERVICE + method, lambda message: message.SerializeToString(), self.made[answer].FromString
        )
        return call(self.ref)
