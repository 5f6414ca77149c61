"""A model's outputs for one picture as named numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfiqa.models.model_info import ModelInfo


def column_names(info: ModelInfo) -> tuple[str, ...]:
    """The names of a score row's numbers, in order."""
    return tuple(name for columns in info.columns.values() for name in columns)


def flat_outputs(outputs: Mapping[str, np.ndarray], info: ModelInfo) -> dict[str, float]:
    """One entry a number, under the names of `column_names`.

    Args:
        outputs: for each output of the model an array (columns,).
        info: says which outputs a row shows, and under which names.
    """
    pairs = (
        pair for name, columns in info.columns.items() for pair in zip(columns, np.ravel(outputs[name]), strict=True)
    )
    return {name: float(value) for name, value in pairs}
