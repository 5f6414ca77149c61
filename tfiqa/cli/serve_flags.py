"""The flags of `tfiqa serve`: TensorFlow Serving's, with dashes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

PORT = click.IntRange(0, 65535)
FILE = click.Path(path_type=Path)
COUNT = click.IntRange(min=0)


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
)
model_flags = together(
    value(
        "--model-config-file", FILE, None, "The models, instead of FOLDER: a ModelServerConfig in protocol buffer text."
    ),
    value("--file-system-poll-wait-seconds", float, 1.0, "Between looks for new versions; 0 looks once."),
    value("--max-num-load-retries", COUNT, 5, "Further tries to load a version that failed to."),
    switch("--allow-version-labels-for-unavailable-models", False, "Let new labels name versions that are not loaded."),
    switch("--enable-model-warmup", True, "Run the requests in assets.extra/tf_serving_warmup_requests after a load."),
)
batching_flags = together(
    switch("--enable-batching", False, "Merge requests."),
    value("--batching-parameters-file", FILE, None, "How to merge: BatchingParameters in protocol buffer text."),
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
