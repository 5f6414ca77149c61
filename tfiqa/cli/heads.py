"""Where regression heads are trained, and how far they are, for the commands that train some."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfiqa.features.runners.local import LocalRunner


def head_device(kind: str, workers: int | None) -> str:
    """What `head_runner` trains on: "gpu" for networks where TensorFlow sees one and no more workers are asked for, else "cpu".

    Loads TensorFlow.
    """
    from tfiqa.cli.tensorflow_start import chosen_device

    device = chosen_device(workers)
    return device if kind == "network" else "cpu"


def head_runner(kind: str, workers: int | None) -> tuple[LocalRunner, Callable[[], None]]:
    """A runner, and what begins each of its processes: a process of one thread for each processor, or one process on the GPU
    where `head_device` says so.

    Loads TensorFlow.
    """
    from tfiqa.cli.tensorflow_start import load_tensorflow
    from tfiqa.features.runners.local import LocalRunner
    from tfiqa.features.worker_start import start_gpu_worker, start_worker

    if head_device(kind, workers) == "gpu":
        return LocalRunner(1), partial(start_gpu_worker, load_tensorflow)
    return LocalRunner(workers), partial(start_worker, load_tensorflow)


def head_progress() -> Callable[[int, int], None]:
    """A function of (done, all) that draws a bar, and nothing where standard error is no terminal."""
    from tqdm import tqdm

    bar = tqdm(desc="training", disable=not sys.stderr.isatty(), leave=False, unit="head")

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done >= total:
            bar.close()

    return update
