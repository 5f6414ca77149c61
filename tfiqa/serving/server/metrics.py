"""The server's counters and histograms, with TensorFlow Serving's names, and their page for Prometheus."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tfiqa.serving.server.status import Code

MAX_FAILING_NAMES: Final = 100  # model names come from clients, who can send any number of them
OTHER_NAMES: Final = "(other)"  # what the names beyond that are counted as
_MAX_NAME: Final = 200  # characters of such a name


def _exponential(scale: float, growth: float, count: int) -> tuple[float, ...]:
    return tuple(scale * growth**power for power in range(count))


_MICROSECONDS: Final = _exponential(10, 1.8, 33)
_ROWS: Final = _exponential(1, 2, 14)


@dataclass(frozen=True)
class Metric:
    """A counter, or with `bounds` (the upper bounds of its buckets) a histogram; `labels` are the names of its labels."""

    name: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] | None = None

    @property
    def prometheus_name(self) -> str:
        """The name on the page."""
        return re.sub(r"[^a-zA-Z0-9_]", ":", self.name)


_PREFIX: Final = "/tensorflow/serving/"
REQUEST_COUNT: Final = Metric(f"{_PREFIX}request_count", ("model_name", "status"))
REQUEST_LATENCY: Final = Metric(f"{_PREFIX}request_latency", ("model_name", "API", "entrypoint"), _MICROSECONDS)
RUNTIME_LATENCY: Final = Metric(f"{_PREFIX}runtime_latency", ("model_name", "API", "runtime"), _MICROSECONDS)
WARMUP_LATENCY: Final = Metric(f"{_PREFIX}model_warmup_latency", ("model_path", "status"), _MICROSECONDS)
QUEUING_LATENCY: Final = Metric(
    f"{_PREFIX}batching_session/queuing_latency", ("thread_pool_name",), _exponential(100, 1.2, 52)
)
INPUT_BATCH_SIZE: Final = Metric(f"{_PREFIX}batching_session/input_batch_size", (), _ROWS)
PROCESSED_BATCH_SIZE: Final = Metric(f"{_PREFIX}batching_session/processed_batch_size", (), _ROWS)
PADDING_SIZE: Final = Metric(f"{_PREFIX}batching_session/padding_size", ("execution_batch_size",), _ROWS)
WRAPPED_RUN_COUNT: Final = Metric(f"{_PREFIX}batching_session/wrapped_run_count")

METRICS: Final = (
    INPUT_BATCH_SIZE,
    PADDING_SIZE,
    PROCESSED_BATCH_SIZE,
    QUEUING_LATENCY,
    WRAPPED_RUN_COUNT,
    WARMUP_LATENCY,
    REQUEST_COUNT,
    REQUEST_LATENCY,
    RUNTIME_LATENCY,
)

Labels = tuple[str, ...]


@dataclass
class _Histogram:
    counts: list[int]
    total: float = 0.0


@dataclass
class _Cells:
    counters: dict[Labels, int] = field(default_factory=dict)
    histograms: dict[Labels, _Histogram] = field(default_factory=dict)


class Metrics:
    """Counts and measures; may be used from many threads at once. An entry takes about a microsecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cells = {metric.name: _Cells() for metric in METRICS}
        self._succeeded: set[str] = set()  # names of models that answered a request, which clients cannot make up
        self._failed: set[str] = set()

    def count(self, metric: Metric, labels: Labels = ()) -> None:
        """Adds one to a counter; `labels` are the values of the metric's labels, in order."""
        counters = self._cells[metric.name].counters
        with self._lock:
            counters[labels] = counters.get(labels, 0) + 1

    def observe(self, metric: Metric, value: float, labels: Labels = ()) -> None:
        """Adds a value to a histogram; `labels` as in `count`."""
        assert metric.bounds is not None
        # As in TensorFlow a value at a bound lies in the bucket above.
        bucket = bisect_right(metric.bounds, value)
        histograms = self._cells[metric.name].histograms
        with self._lock:
            histogram = histograms.get(labels)
            if histogram is None:
                histogram = histograms[labels] = _Histogram([0] * (len(metric.bounds) + 1))
            histogram.counts[bucket] += 1
            histogram.total += value

    def count_request(self, model_name: str, code: Code) -> None:
        """Counts a request by the model that it names ("" for none) and the code that it ended in."""
        name = model_name[:_MAX_NAME]
        if name not in self._succeeded:
            name = self._admitted(name, code)
        self.count(REQUEST_COUNT, (name, code.name))

    def _admitted(self, name: str, code: Code) -> str:
        with self._lock:
            if code is Code.OK:
                self._succeeded.add(name)
            elif name not in self._failed:
                if len(self._failed) >= MAX_FAILING_NAMES:
                    return OTHER_NAMES
                self._failed.add(name)
        return name

    def value(self, name: str) -> int:
        """A counter's value summed over its labels; 0 for a histogram or an unknown name.

        `name` is TensorFlow's ("/tensorflow/serving/request_count") or that on the page.
        """
        for metric in METRICS:
            if name in (metric.name, metric.prometheus_name):
                with self._lock:
                    return sum(self._cells[metric.name].counters.values())
        return 0

    def page(self) -> str:
        """All metrics in Prometheus' text format."""
        return "".join(line + "\n" for metric in METRICS for line in self._lines(metric))

    def _lines(self, metric: Metric) -> Iterator[str]:
        name = metric.prometheus_name
        cells = self._cells[metric.name]
        if metric.bounds is None:
            yield f"# TYPE {name} counter"
            with self._lock:
                counters = list(cells.counters.items())
            for labels, value in counters:
                yield f"{name}{{{_label_text(metric, labels)}}} {value}"
            return
        yield f"# TYPE {name} histogram"
        with self._lock:
            histograms = [
                (labels, list(histogram.counts), histogram.total) for labels, histogram in cells.histograms.items()
            ]
        bounds = [f"{bound:g}" for bound in metric.bounds] + ["+Inf"]
        for labels, counts, total in histograms:
            text = _label_text(metric, labels)
            before, below = f"{text}," if text else "", 0
            for bound, count in zip(bounds, counts, strict=True):
                below += count
                yield f'{name}_bucket{{{before}le="{bound}"}} {below}'
            yield f"{name}_sum{{{text}}} {total:.15g}"
            yield f"{name}_count{{{text}}} {below}"


def _label_text(metric: Metric, labels: Labels) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(metric.labels, labels, strict=True))


def _escaped(value: str) -> str:
    plain = value.encode("utf-8", "replace").decode()  # a percent-encoded name may hold half of a surrogate pair
    return plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
