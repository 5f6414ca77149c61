"""Loading TensorFlow for a command: with its fast kernels, without the notices that its libraries print."""

from __future__ import annotations

import os
import sys
import tempfile

from tfiqa.errors import MissingPackage


def load_tensorflow() -> None:
    """Imports TensorFlow with oneDNN's kernels on and the process's standard error set aside.

    TensorFlow itself switches oneDNN on for processors with AVX-512 alone; with AVX2 it trains and scores twice as fast
    (docs/results.md). TF_ENABLE_ONEDNN_OPTS=0 is respected.

    What the libraries print before any log level holds is shown only when the import fails, or where the user has set
    TF_CPP_MIN_LOG_LEVEL below 3, who then wants to see it all.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
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
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
