"""Taking up changes of the model configuration file while the server runs."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from tfiqa.serving.server.model_config import models_of, read_model_config
from tfiqa.serving.server.model_store import ModelStore
from tfiqa.serving.server.status import StatusError

logger = logging.getLogger(__name__)


class ConfigFileWatch:
    """Has a store serve what the configuration file says, again and again.

    The file is applied anew each time, changed or not, since a label that was refused may be possible later. One that is refused
    is logged, and what is served stays.

    Args:
        path: the file.
        store: a store that has started.
        seconds: time between two readings.
    """

    def __init__(self, path: Path, store: ModelStore, seconds: float) -> None:
        self._path = path
        self._store = store
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tfiqa-config", daemon=True)

    def start(self) -> None:
        """Starts the watching; the first reading comes after `seconds`."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        complaint = ""
        while not self._stopping.wait(self._seconds):
            try:
                self._store.reload(models_of(read_model_config(self._path), self._store.names()), gave_up=None)
                complaint = ""
            except StatusError as error:
                if str(error) != complaint:  # once, not at each reading
                    logger.warning("%s is not taken up: %s", self._path, error)
                complaint = str(error)
