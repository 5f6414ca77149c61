"""Loading TensorFlow without the notices that its libraries print before any log level holds."""

from __future__ import annotations

import os
import sys
import tempfile


def load_tensorflow_quietly() -> None:
    """Imports TensorFlow with the process's standard error set aside; what was printed is shown only when the import fails.

    Does nothing where the user has set TF_CPP_MIN_LOG_LEVEL below 3, who then wants to see it all.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import keras  # noqa: F401  (it loads its backend)
            import tensorflow  # noqa: F401
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
