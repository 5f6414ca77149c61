"""Loading TensorFlow for a command: with its fast kernels, without the notices that its libraries print."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile

from tfiqa.errors import MissingPackage

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc's malloc.h
KEPT_BYTES = 256 << 20
LARGEST_KEPT_BLOCK = 32 << 20  # glibc takes no more


def keep_freed_memory() -> None:
    """Has glibc keep the memory of decoded pictures for the next ones; elsewhere nothing happens.

    By default every thread gets a heap of its own that returns large blocks to the system as soon as they are free. A
    picture's memory then comes back page by page, for hundreds of page faults a picture (tools/benchmark_data.py).
    MALLOC_ARENA_MAX is respected. It has an effect only before the threads that decode are started.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def keep_freed_memory_in_training() -> None:
    """`keep_freed_memory` for the training pipeline; loads TensorFlow.

    The first dataset from a generator in a process has TensorFlow set M_TRIM_THRESHOLD to 128 KiB
    (generator_dataset_op.cc): about 1,000 page faults and 2 to 4 ms of system time a picture of 1024x768. So one is made
    here, and the threshold set after it.
    """
    import tensorflow as tf

    for _ in tf.data.Dataset.from_generator(lambda: iter([0]), output_signature=tf.TensorSpec((), tf.int32)):
        pass
    keep_freed_memory()


def chosen_device(workers: int | None) -> str:
    """ "gpu" where TensorFlow sees one and no more workers than one are asked for, else "cpu". Loads TensorFlow."""
    load_tensorflow()
    import tensorflow as tf

    return "gpu" if workers in (None, 1) and tf.config.list_physical_devices("GPU") else "cpu"


def load_tensorflow() -> None:
    """Imports TensorFlow with oneDNN's kernels on and the process's standard error set aside.

    TensorFlow itself switches oneDNN on for processors with AVX-512 alone; with AVX2 it trains and scores twice as fast
    (docs/results.md). TF_ENABLE_ONEDNN_OPTS=0 is respected.

    What the libraries print before any log level holds is shown only when the import fails, or where the user has set
    TF_CPP_MIN_LOG_LEVEL below 3, who then wants to see it all.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    keep_freed_memory()
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import keras  # noqa: F401  (it loads its backend)
            import tensorflow  # noqa: F401
        except ModuleNotFoundError as error:
            backend = os.environ.get("KERAS_BACKEND", "tensorflow")
            raise MissingPackage(f"{error.name} is not installed (KERAS_BACKEND is {backend})") from error
        except Exception:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
