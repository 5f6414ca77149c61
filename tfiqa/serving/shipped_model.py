"""The model that comes with tfiqa, and where it lies."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from tfiqa.errors import InvalidInput
from tfiqa.serving.server.model_folders import is_saved_model, version_folders

SHIPPED: Final = "tfiqa_small"  # its name as a registered model, as a folder, and where it is served
PACKAGE: Final = "tfiqa.saved_models"  # the folder saved_models/ beside the sources


def shipped_models_folder() -> Path:
    """The folder of the models that come with tfiqa, wherever tfiqa is installed.

    Raises InvalidInput when this installation has none.
    """
    try:
        return Path(str(files(PACKAGE)))
    except ModuleNotFoundError as error:
        raise InvalidInput(_absent(f"it has no package {PACKAGE}")) from error


def shipped_model() -> Path:
    """The base folder of the model that comes with tfiqa, as `tfiqa export` wrote it.

    Raises InvalidInput when it is not there.
    """
    base = shipped_models_folder() / SHIPPED
    if not base.is_dir() or not any(map(is_saved_model, version_folders(base).values())):
        raise InvalidInput(_absent(f"there is no {base / 'VERSION' / 'saved_model.pb'}"))
    return base


def _absent(reason: str) -> str:
    return f"this installation of tfiqa lacks its own model, {SHIPPED}: {reason}; install tfiqa anew, or name another"
