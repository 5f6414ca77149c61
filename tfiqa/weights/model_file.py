"""What a model's file says of it, read without building the model."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tfiqa.errors import CheckpointError
from tfiqa.models.model_info import ModelInfo


def read_model_info(path: Path) -> ModelInfo:
    """The information in a `.keras` file that tfiqa wrote. Raises CheckpointError for anything else."""
    if path.is_dir():
        raise CheckpointError(f"{path} is an exported model; give the .keras file or the run that it was made of")
    try:
        with zipfile.ZipFile(path) as archive:
            return ModelInfo.from_dict(json.loads(archive.read("config.json"))["config"]["tfiqa"])
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is no .keras file that tfiqa wrote") from error
