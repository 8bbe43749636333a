"""Read and written against the protobuf library."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.scaling.keda import messages as ours
from tests.support.external_scaler import messages

THEIRS = messages()
TEXT = st.text("aé漢\x00\n𝄞-_", max_size=20)


@settings(max_examples=30)
@given(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=3), TEXT)
def test_what_keda_writes_is_read(name: str, namespace: str, metadata: dict[str, str], metric: str) -> None:
    ref = THEIRS["ScaledObjectRef"](name=name, namespace=namespace, scalerMetadata=metadata)
    assert ours.read_ref(ref.SerializeToString()) == ours.Ref(name, namespace, metadata)
    request = THEIRS["GetMetricsRequest"](scaledObjectRef=ref, metricName=metric)
    assert ours.read_metrics_request(request.SerializeToString()) == (ours.Ref(name, namespace, metadata), metric)


@settings(max_examples=40)
@given(TEXT, st.floats(0, 1e6))
def test_what_is_written_keda_reads(name: str, value: float) -> None:
    (spec,) = THEIRS["GetMetricSpecResponse"].FromString(ours.metric_spec(name, value)).metricSpecs
    assert (spec.metricName, spec.targetSize, spec.targetSizeFloat) == (name, round(value), value)
    (told,) = THEIRS["GetMetricsResponse"].FromString(ours.metric_value(name, value)).metricValues
    assert (told.metricName, told.metricValue, told.metricValueFloat) == (name, round(value), value)


@pytest.mark.parametrize("active", [True, False])
def test_whether_it_is_active(*, active: bool) -> None:
    assert THEIRS["IsActiveResponse"].FromString(ours.is_active(active=active)).result is active


def test_fields_of_a_later_version_are_passed_over() -> None:
    later = b"\x20\x96\x01" + b"\x29" + b"12345678" + b"\x35" + b"1234" + b"\x3a\x02hi"
    assert ours.read_ref(later + b"\x0a\x04chat" + later).name == "chat"


@given(st.binary(max_size=200))
def test_whatever_comes_it_is_read_or_refused(data: bytes) -> None:
    for read in (ours.read_ref, ours.read_metrics_request):
        with contextlib.suppress(ValueError):
            read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05abc", b"\x0a", b"\x08\xff", b"\xff" * 11, b"\x02\x00", b"\x0b", b"\x08\x01", b"\x0a\x01\xff",
        b"\x09123", b"\x18\x01", b"\x1a\x02\x08\x01", b"\x20\x00" * (ours.MOST_FIELDS + 1),
        b"\x0a" + b"\xff\xff\x7f" + b"x" * ours.MOST_BYTES,
    ],
)  # fmt: skip
def test_what_is_no_such_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        ours.read_ref(data)
