"""Where an extraction works: the options that say so, and what they choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tfiqa.cli.output import say

if TYPE_CHECKING:
    from tfiqa.cli.extract.long_progress import LongProgress
    from tfiqa.features.runners.runner import Runner


def runner_options(workers: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The options --runner, --address and --workers; `workers` is the help text of the last."""
    options = (
        click.option(
            "--runner", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Where to work."
        ),
        click.option("--address", help="Of a Ray cluster; without it, --runner ray starts one on this machine."),
        click.option("--workers", type=click.IntRange(min=1), help=workers),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def check_address(runner: str, address: str | None) -> None:
    """Refuses an address without a cluster."""
    if address is not None and runner != "ray":
        raise click.UsageError("--address goes with --runner ray")


def chosen_runner(name: str, address: str | None, workers: int | None, progress: LongProgress) -> Runner:
    """The runner that the options choose."""
    if name == "ray":
        from tfiqa.features.runners.ray_cluster import RayRunner

        return RayRunner(address, workers)

    from tfiqa.features.runners.local import LocalRunner

    return LocalRunner(workers, under_way=progress.under_way)


def say_shares(seconds: Mapping[str, float]) -> None:
    """How the workers' time was divided, where there was any."""
    if any(seconds.values()):
        shares = ", ".join(f"{part} {each / sum(seconds.values()):.0%}" for part, each in seconds.items())
        say(f"the workers' time: {shares}")
