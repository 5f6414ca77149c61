"""How a worker process begins. Importing this loads neither NumPy nor TensorFlow, whose threads are set before."""

from __future__ import annotations

import os
from collections.abc import Callable

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start_worker(prepare: Callable[[], None] | None = None) -> None:
    """One thread and no GPU: as many processes as processors are faster, and every sum is added up in one order.

    Args:
        prepare: called before TensorFlow is imported.
    """
    os.environ.update(dict.fromkeys(THREADS, "1"))
    _settle(prepare)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")


def start_gpu_worker(prepare: Callable[[], None] | None = None) -> None:
    """All GPUs and processors, sums in one order, and float32 that is not cut to 10 bits (TF32).

    Args:
        prepare: called before TensorFlow is imported.
    """
    _settle(prepare)
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)


def _settle(prepare: Callable[[], None] | None) -> None:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # what TensorFlow takes for its default differs by processor
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if prepare:
        prepare()
