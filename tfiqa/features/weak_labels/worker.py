"""What runs in a worker process. Importing this loads neither NumPy nor TensorFlow, whose threads are set before."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfiqa.features.weak_labels.shards import ShardDone, ShardWork

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def start_worker(prepare: Callable[[], None] | None = None) -> None:
    """One thread and no GPU: as many processes as processors are faster, and every sum is added up in one order.

    Args:
        prepare: called before TensorFlow is imported.
    """
    os.environ.update(dict.fromkeys(THREADS, "1"))
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # what TensorFlow takes for its default differs by processor
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if prepare:
        prepare()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")


def label_shard(work: ShardWork) -> ShardDone:
    """`shard_writer.write_shard` for runners."""
    from tfiqa.features.weak_labels.shard_writer import write_shard

    return write_shard(work)
