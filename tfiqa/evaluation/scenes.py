"""How often the scene that a model tells is right."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd


def scene_accuracy(predicted: Iterable[str], truth: pd.DataFrame) -> float | None:
    """The share of pictures whose predicted scene is any of their labels (Fang et al., CVPR 2020, section 5.5), in 0..1.

    Args:
        predicted: N scenes, such as "night_scene".
        truth: N rows with a column `scene_<name>` for each scene: above 0 where it is a label. Rows without any label do
            not count.

    Returns:
        The accuracy; None where no row has a label.
    """
    columns = [column for column in truth.columns if str(column).startswith("scene_")]
    labels = truth[columns].apply(pd.to_numeric).to_numpy(np.float64) > 0
    places = pd.Index(columns).get_indexer(pd.Index([f"scene_{name}" for name in predicted]))
    right = labels[np.arange(len(labels)), places] & (places >= 0)
    labelled = labels.any(axis=1)
    return float(right[labelled].mean()) if labelled.any() else None
