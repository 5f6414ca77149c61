"""Loading a scorer for many pictures."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfiqa.serving.shipped_model import SHIPPED

if TYPE_CHECKING:
    from tfiqa.serving.scorer import Scorer


def list_scorer(model: Path | None, **settings: Any) -> Scorer:
    """`Scorer.load` in a process that scores nothing else: TensorFlow gives an operation of an exported folder one thread.

    Several pictures go through an exported folder side by side, and threads of one would only wait for those of the others
    (tools/benchmark_scoring.py). TF_NUM_INTRAOP_THREADS is respected.
    """
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.serving.scorer import Scorer

    if model is None or str(model) == SHIPPED or (model.is_dir() and not (model / "model.keras").is_file()):
        _one_thread_an_operation()  # an exported folder, not a run's
    return Scorer.load(model, **settings)


def _one_thread_an_operation() -> None:
    import tensorflow as tf

    if "TF_NUM_INTRAOP_THREADS" not in os.environ:
        with suppress(RuntimeError):  # TensorFlow runs already, as when commands are called from Python
            tf.config.threading.set_intra_op_parallelism_threads(1)
