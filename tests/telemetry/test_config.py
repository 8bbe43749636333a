import pytest

from penstock.config import Config, ConfigError
from penstock.telemetry.config import OtlpConfig, TelemetryConfig

BASE = "models: {}\n"


def read(section: str, **environ: str) -> OtlpConfig | None:
    return Config.parse(BASE + section, "c.yaml", environ).of(TelemetryConfig).otlp


def problems(section: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(section)
    return str(caught.value)


def test_nothing_is_sent_unless_it_is_configured_whatever_the_environment_says() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://somewhere:4318", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}
    assert read("", **environ) is None
    assert read("telemetry: {}", **environ) is None


def test_the_environment_counts_where_the_file_names_it() -> None:
    otlp = read(
        "telemetry:\n  otlp:\n    endpoint: '${OTEL_EXPORTER_OTLP_ENDPOINT}'\n"
        "    more_headers: '${OTEL_EXPORTER_OTLP_HEADERS}'\n",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://somewhere:4318",
        OTEL_EXPORTER_OTLP_HEADERS="api-key=s%3D1, Authorization=Basic%20abc==",
    )
    assert otlp is not None
    assert otlp.endpoint == "http://somewhere:4318"
    assert otlp.fields == [(b"api-key", b"s=1"), (b"authorization", b"Basic abc==")]


def test_the_defaults() -> None:
    otlp = read("telemetry: {otlp: {endpoint: 'http://x'}}")
    assert otlp is not None
    assert (otlp.protocol, otlp.sample, otlp.convention, otlp.traces, otlp.metrics) == (
        "http/protobuf", 0.1, "1.42", True, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("endpoint: 'x:4318'", "endpoint must be a URL"),
        ("endpoint: 'http://x/?a=b'", "endpoint is a base"),
        ("sample: 0.1", "otlp.endpoint is missing"),
        ("{endpoint: 'http://x', headers: {'a b': c}}", "name of a header field"),
        ("{endpoint: 'http://x', headers: {host: c}}", "set by Penstock itself"),
        ("{endpoint: 'http://x', more_headers: 'secretvalue'}", "more_headers must be name=value"),
        ("{endpoint: 'http://x', more_headers: 'a=b%0ac'}", "more_headers must be name=value"),
        ("{endpoint: 'http://x', protocol: grpc}", "must be one of"),
        ("{endpoint: 'http://x', convention: '1.0'}", "must be one of"),
        ("{endpoint: 'http://x', sample: 2}", "must be at most 1"),
    ],
)
def test_what_is_refused(line: str, said: str) -> None:
    told = problems(f"telemetry:\n  otlp: {line if line.startswith('{') else '{' + line + '}'}\n")
    assert said in told
    assert "secretvalue" not in told


def test_secrets_are_not_shown() -> None:
    text = "telemetry: {otlp: {endpoint: 'http://x', headers: {authorization: hush}, more_headers: 'a=hush'}}"
    shown = str(Config.parse(BASE + text, "c.yaml", {}).dump(masked=True))
    assert "hush" not in shown
    assert "authorization" in shown
