"""The page of metrics."""

import re

import pytest
import served_models
from served_models import call, predict

from tfiqa.serving.errors import ServerStartError
from tfiqa.serving.server.metrics import (
    MAX_FAILING_NAMES,
    OTHER_NAMES,
    QUEUING_LATENCY,
    REQUEST_COUNT,
    REQUEST_LATENCY,
    WRAPPED_RUN_COUNT,
    Metrics,
)
from tfiqa.serving.server.monitoring_config import METRICS_PATH, read_metrics_path
from tfiqa.serving.server.rest_server import RestServer
from tfiqa.serving.server.status import Code


def test_a_counter_on_the_page():
    metrics = Metrics()
    for code in (Code.OK, Code.NOT_FOUND, Code.OK):
        metrics.count_request("m", code)
    lines = metrics.page().splitlines()
    at = lines.index("# TYPE :tensorflow:serving:request_count counter")
    assert lines[at + 1 : at + 3] == [
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 2',
        ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 1',
    ]


def test_a_histogram_on_the_page():
    metrics = Metrics()
    for microseconds in (5, 15, 15, 1e12):
        metrics.observe(REQUEST_LATENCY, microseconds, ("m", "predict", "REST"))
    page = metrics.page()
    labels = 'model_name="m",API="predict",entrypoint="REST"'
    buckets = re.findall(rf'request_latency_bucket\{{{labels},le="(.*)"\}} (\d+)', page)
    assert len(buckets) == 34
    assert buckets[:4] == [("10", "1"), ("18", "3"), ("32.4", "3"), ("58.32", "3")]
    assert buckets[-2:] == [("1.47476e+09", "3"), ("+Inf", "4")]
    assert f":tensorflow:serving:request_latency_sum{{{labels}}} 1000000000035\n" in page
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 4\n" in page


def test_a_metric_without_labels():
    metrics = Metrics()
    metrics.count(WRAPPED_RUN_COUNT)
    assert ":tensorflow:serving:batching_session:wrapped_run_count{} 1\n" in metrics.page()


def test_every_line_is_one_of_the_format():
    metrics = Metrics()
    metrics.count_request('a "quoted" \\ name\nof two lines \udce9', Code.OK)
    metrics.observe(QUEUING_LATENCY, 250.5, ("pool",))
    page = metrics.page()
    assert page.endswith("\n")
    sample = r':[a-z:_]+\{([A-Za-z_]+="([^"\\\n]|\\["\\n])*",?)*\} [0-9.e+]+'
    for line in page.splitlines():
        assert re.fullmatch(rf"# TYPE :[a-z:_]+ (counter|histogram)|{sample}", line), line
    assert r'model_name="a \"quoted\" \\ name\nof two lines ?"' in page


def test_names_that_clients_make_up_are_limited():
    metrics = Metrics()
    for number in range(MAX_FAILING_NAMES + 50):
        metrics.count_request(f"made up {number}", Code.NOT_FOUND)
    metrics.count_request("x" * 100_000, Code.NOT_FOUND)
    metrics.count_request("served", Code.OK)
    metrics.count_request("served", Code.INTERNAL)
    page = metrics.page()
    assert page.count("made up") == MAX_FAILING_NAMES
    assert f'{{model_name="{OTHER_NAMES}",status="NOT_FOUND"}} 51\n' in page
    assert '{model_name="served",status="INTERNAL"} 1\n' in page
    assert metrics.value(REQUEST_COUNT.name) == MAX_FAILING_NAMES + 53


def test_values_by_name():
    metrics = Metrics()
    metrics.count_request("m", Code.OK)
    metrics.count_request("n", Code.NOT_FOUND)
    assert metrics.value("/tensorflow/serving/request_count") == 2
    assert metrics.value(":tensorflow:serving:request_count") == 2
    assert metrics.value("/tensorflow/serving/request_latency") == 0
    assert metrics.value("no such metric") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prometheus_config { enable: true }", METRICS_PATH),
        ('prometheus_config { enable: true path: "/metrics" }', "/metrics"),
        ('prometheus_config { path: "/metrics" }', None),
        ("", None),
    ],
)
def test_monitoring_config(tmp_path, text, expected):
    (tmp_path / "monitoring.config").write_text(text)
    assert read_metrics_path(tmp_path / "monitoring.config") == expected


@pytest.mark.parametrize("text", ['prometheus_config { enable: true path: "metrics" }', "prometheus { }"])
def test_wrong_monitoring_config(tmp_path, text):
    (tmp_path / "monitoring.config").write_text(text)
    with pytest.raises(ServerStartError) as caught:
        read_metrics_path(tmp_path / "monitoring.config")
    assert "\n" not in str(caught.value)


def with_metrics(inference, port):
    return RestServer(inference, port=port, metrics_path="/metrics")


def test_requests_are_counted():
    with served_models.served(with_metrics) as server:
        predict(server, "times", {"instances": [1]})
        predict(server, "times", {"instances": "no list"})
        predict(server, "nope", {"instances": [1]})
        call(server, "GET", "/v1/models/times")
        call(server, "GET", "/v1/models/times/nonsense")
        call(server, "GET", "/v1/models/n%C3%A4me")
        status, headers, body = call(server, "GET", "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain")
    page = body.decode()
    counts = dict(re.findall(r":tensorflow:serving:request_count(\{.*\}) (\d+)", page))
    assert counts == {
        '{model_name="times",status="OK"}': "2",
        '{model_name="times",status="INVALID_ARGUMENT"}': "1",
        '{model_name="nope",status="NOT_FOUND"}': "1",
        '{model_name="",status="INVALID_ARGUMENT"}': "1",
        '{model_name="näme",status="NOT_FOUND"}': "1",
    }
    assert 'request_latency_count{model_name="times",API="predict",entrypoint="REST"} 1\n' in page
    assert 'runtime_latency_count{model_name="times",API="Predict",runtime="TF1"} 1\n' in page


def test_the_page_takes_no_query_and_is_there_only_if_asked_for():
    with served_models.served(with_metrics) as server:
        status, headers, body = call(server, "GET", "/metrics?x=1")
        assert (status, headers["Content-Type"], body) == (
            400,
            "text/plain",
            b"Unexpected path: /metrics?x=1. Should be /metrics",
        )
    with served_models.served() as server:
        assert call(server, "GET", METRICS_PATH)[0] == 404
