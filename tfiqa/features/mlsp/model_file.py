"""Which models have MLSP features."""

from __future__ import annotations

from pathlib import Path

from tfiqa.errors import InvalidInput
from tfiqa.models.model_info import ModelInfo
from tfiqa.weights.model_file import read_model_info

WITH_MLSP = ("deepfl_mtl", "deepfl")


def mlsp_model_info(path: Path) -> ModelInfo:
    """The information in a `.keras` file that tfiqa wrote, of a model with MLSP features.

    Raises:
        CheckpointError: no such file, or not one of tfiqa.
        InvalidInput: the model has no MLSP features.
    """
    info = read_model_info(path)
    if info.model not in WITH_MLSP:
        raise InvalidInput(f"{path}: {info.model} has no MLSP features; take a deepfl_mtl or a deepfl")
    return info
