"""The flags of `tfiqa serve`: TensorFlow Serving's, with dashes."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

PORT = click.IntRange(0, 65535)
FILE = click.Path(path_type=Path)
COUNT = click.IntRange(min=0)
AT_LEAST_ONE = click.IntRange(min=1)
YEAR = 366 * 24 * 3600  # seconds; with far longer times the system's clocks run over


class Seconds(click.FloatRange):
    """A time of at most a YEAR; `nan`, which is in no order with the limits, is none."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(max=YEAR, **limits)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of seconds."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a time in seconds.", param, ctx)
        return seconds


SECONDS = Seconds(min=0, min_open=True)
SECONDS_OR_NONE = Seconds(min=0)


def value(name: str, kind: Any, default: Any, help_text: str) -> Callable[[Function], Function]:
    """An option that takes a value."""
    return click.option(name, type=kind, default=default, show_default=default is not None, help=help_text)


def switch(name: str, default: bool, help_text: str) -> Callable[[Function], Function]:
    """An option that takes `--name`, `--name=true` or `--name=false`; needs a `FlagsCommand`."""
    return click.option(name, type=bool, default=default, show_default=True, metavar="[=true|false]", help=help_text)


def together(*options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """One decorator for several options, in their order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


network_flags = together(
    value("--rest-port", PORT, 8501, "0 takes a free one."),
    value("--grpc-port", PORT, 8500, "0 takes a free one."),
    value("--host", str, "127.0.0.1", "Address to listen on."),
    value("--monitoring-config-file", FILE, None, "Where to find metrics: a MonitoringConfig in protocol buffer text."),
    value(
        "--rest-api-num-threads",
        AT_LEAST_ONE,
        None,
        "REST requests at work at a time; 4 a processor, with batching more.",
    ),
    value("--grpc-max-threads", AT_LEAST_ONE, None, "The same for gRPC."),
    value(
        "--rest-api-timeout-in-ms",
        click.IntRange(1, YEAR * 10**3),
        30_000,
        "Longest that a REST request may take, in milliseconds.",
    ),
    switch(
        "--enable-serialization-as-tensor-content", False, "Tensors in gRPC replies as raw bytes, not typed fields."
    ),
    switch("--enable-grpc-healthcheck-service", False, "Add gRPC's health service: ModelService, PredictionService."),
    switch("--rest-api-enable-cors-support", False, "Let pages of other origins read the answers."),
)
limit_flags = together(
    value("--max-body-mebibytes", AT_LEAST_ONE, 256, "Largest REST request."),
    value("--max-message-mebibytes", AT_LEAST_ONE, 2048, "Largest gRPC request, at most 2 GiB less a byte."),
    value("--max-waiting-requests", AT_LEAST_ONE, 1000, "Inference requests under way at a time, for each protocol."),
    value("--max-connections", AT_LEAST_ONE, 2000, "REST connections at a time."),
    value("--slow-client-seconds", SECONDS, 60.0, "For a REST request to arrive, and a second more for each 16 KiB."),
    value("--shutdown-seconds", SECONDS_OR_NONE, 5.0, "For requests under way when the server is told to end."),
)
model_flags = together(
    value(
        "--model-config-file", FILE, None, "The models, instead of FOLDER: a ModelServerConfig in protocol buffer text."
    ),
    value(
        "--model-config-file-poll-wait-seconds", SECONDS_OR_NONE, 0.0, "Between readings of that file; 0 reads it once."
    ),
    value(
        "--file-system-poll-wait-seconds", Seconds(), 1.0, "Between looks for new versions; 0 looks once, less never."
    ),
    value("--max-num-load-retries", COUNT, 5, "Further tries to load a version that failed to."),
    value(
        "--load-retry-interval-micros", click.IntRange(0, YEAR * 10**6), 60_000_000, "Microseconds between these tries."
    ),
    value("--saved-model-tags", str, "serve", "Tags of the graph to load out of each SavedModel, with commas between."),
    switch("--allow-version-labels-for-unavailable-models", False, "Let new labels name versions that are not loaded."),
    switch("--enable-model-warmup", True, "Run the requests in assets.extra/tf_serving_warmup_requests after a load."),
    value("--num-request-iterations-for-warmup", COUNT, 1, "How often each of them is run."),
)
batching_flags = together(
    switch("--enable-batching", False, "Merge requests."),
    value("--batching-parameters-file", FILE, None, "How to merge: BatchingParameters in protocol buffer text."),
    switch("--enable-per-model-batching-parameters", False, "Merge as batching_params.pbtxt in a model's folder says."),
)


class FlagsCommand(click.Command):
    """A command whose `switch` options need no value, as TensorFlow Serving's flags do not."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Gives each switch that comes without a value its value, so that it does not take the next word for it."""
        switches = {
            name for option in self.params if isinstance(option.type, click.types.BoolParamType) for name in option.opts
        }
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(
            ctx, [f"{word}=true" if word in switches else word for word in args[:end]] + args[end:]
        )
