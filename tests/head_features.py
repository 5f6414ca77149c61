"""Folders of MLSP features as `tfiqa extract mlsp` leaves them, without the pictures."""

from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from tfiqa.databases.manifest import Manifest
from tfiqa.features.mlsp.load import MlspFeatures
from tfiqa.score_scale import ScoreScale

NARROW = ((32, 0.0), (16, 0.0), (8, 0.1))
PICTURES, FEATURES = 60, 24
SCALE = ScoreScale(0.0, 100.0, True, "planted MOS")


def planted(folder, *, seed=0, views=1, scale=SCALE, model="body", noise=0.5, pictures=PICTURES, shift=0):
    """Features of which the first two tell the score but for some noise; groups of three pictures.

    `seed` draws the pictures, not the relation; `shift` moves the relation to later features.
    """
    rng = np.random.default_rng(seed)
    whole = rng.normal(size=(pictures, 1, FEATURES))
    features = whole + 0.05 * rng.normal(size=(pictures, views, FEATURES)) * (views > 1)
    quality = 50 + 12 * (whole[:, 0, shift] - whole[:, 0, shift + 1]) + noise * rng.normal(size=pictures)
    score = quality if scale.higher_is_better else 100 - quality
    keys = [f"{row:03}.png" for row in range(pictures)]
    table = pd.DataFrame({"image": keys, "score": score, "group": [f"g{row // 3}" for row in range(pictures)]})
    shas = [f"{seed}-{row}" for row in range(pictures)]
    names = ("whole",) if views == 1 else tuple(f"view {view}" for view in range(views))
    return MlspFeatures(
        features.astype(np.float16),
        Manifest(table, None, scale),
        names,
        Path(folder) / "model.keras",
        model,
        pd.DataFrame({"path": keys, "sha256": shas}),
        "float32",
    )


class HereRunner:
    """A runner in this process, which also tells what it ran."""

    def __init__(self, stop_after=None):
        self.ran, self.stop_after = [], stop_after

    def run(self, function, items, *, initializer=None):
        for item in items:
            if self.stop_after is not None and len(self.ran) >= self.stop_after:
                raise KeyboardInterrupt
            self.ran.append(item)
            yield item, function(item)


@contextmanager
def narrow_heads():
    """Networks of a few units in place of thousands, for the sake of time."""
    from tfiqa.training.heads import task

    task._network.cache_clear()
    with mock.patch("tfiqa.models.deepfl.QUALITY_HEAD", NARROW):
        yield
    task._network.cache_clear()
