"""Where regression heads are trained, and how far they are, for the commands that train some."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfiqa.features.runners.local import LocalRunner


def head_runner(kind: str, workers: int | None) -> tuple[LocalRunner, Callable[[], None]]:
    """A runner, and what begins each of its processes: a process of one thread for each processor, or, for networks where
    TensorFlow sees a GPU and no more workers are asked for, one process on that.

    Loads TensorFlow.
    """
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from tfiqa.features.runners.local import LocalRunner
    from tfiqa.features.worker_start import start_gpu_worker, start_worker

    if kind == "network" and workers in (None, 1) and tf.config.list_physical_devices("GPU"):
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
