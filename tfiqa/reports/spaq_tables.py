"""What SPAQ's paper computes from human scores: tables 2 and 3 and figure 4, of any manifest that has the columns.

Y. Fang et al., "Perceptual Quality Assessment of Smartphone Photography", CVPR 2020, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.table_file import as_text, parse_numbers
from tfiqa.databases.validation import ATTRIBUTES
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import srcc
from tfiqa.score_scale import ScoreScale

LEVELS = ("bad", "poor", "fair", "good", "excellent")  # equal parts of the scale (figure 2 (a))
SCENE_PREFIX = "scene_"


def attribute_srcc(table: pd.DataFrame, scale: ScoreScale) -> pd.DataFrame:
    """SRCC of `score` with each attribute that the table has (table 2).

    Args:
        table: `score` and any of the columns brightness, colorfulness, contrast, noisiness, sharpness, measured or
            predicted; rows where one is blank do not count for it.
        scale: of `score`; it is turned so that higher is better.

    Returns:
        A row an attribute, by its name: `srcc` (-1..1, NaN where undefined) and `pictures`.
    """
    score = scale.oriented(table["score"])
    rows = {}
    for name in ATTRIBUTES:
        if name in table:
            values = parse_numbers(table[name])[0]
            filled = ~np.isnan(values) & ~np.isnan(score)
            rows[name] = {"srcc": srcc(values[filled], score[filled]), "pictures": int(filled.sum())}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["srcc", "pictures"])


@dataclass(frozen=True, eq=False)
class CameraRanking:
    """The outcome of `rank_cameras`.

    Args:
        table: a row a camera, by its name, the best first: `scenes` in which it was compared, in how many of them it is
            among the best (`top`) and among the worst (`bottom`).
        scenes: how many counted.
        left_out: scenes with too few cameras.
        places: how many places are the best, and the worst.
    """

    table: pd.DataFrame
    scenes: int
    left_out: int
    places: int

    def worst_first(self) -> pd.DataFrame:
        """The table, the most often worst first."""
        return _ordered(self.table, "bottom", "top")


def rank_cameras(manifest: Manifest, places: int = 5) -> CameraRanking:
    """Counts for each camera the shared scenes in which its picture is among the best and the worst (table 3).

    The paper has one picture of each of 20 cameras in each of 50 scenes and counts the best and worst five. Where a
    camera has several pictures of a scene, their mean score stands for it. A picture is among the best when fewer than
    `places` are better, so that equals share a place; likewise the worst. Scenes with fewer than twice as many cameras
    as places are left out, since there a picture could be both. Cameras are in the order of `top`, then of the smaller
    `bottom`, then of the name.

    Args:
        manifest: with the columns `score`, `phone` and `scene` (names, one a row); rows without either do not count.
        places: see above.

    Raises:
        InvalidInput: no such columns, or no scene with enough cameras.
    """
    lacking = [column for column in ("score", "phone", "scene") if column not in manifest.table]
    if lacking:
        raise InvalidInput(f"{manifest.name} has no column {lacking[0]!r}")
    scores = pd.DataFrame(
        {
            "camera": as_text(manifest.table["phone"]),
            "scene": as_text(manifest.table["scene"]),
            "score": manifest.scale.oriented(manifest.table["score"]),
        }
    ).dropna()
    means = scores.groupby(["scene", "camera"], as_index=False)["score"].mean()
    cameras = means.groupby("scene")["camera"].transform("size")
    counted = means[cameras >= 2 * places]
    if counted.empty:
        raise InvalidInput(f"{manifest.name} has no scene shot by {2 * places} cameras or more")
    by_scene = counted.groupby("scene")["score"]
    counts = pd.DataFrame(
        {
            "camera": counted["camera"],
            "scenes": 1,
            "top": by_scene.rank(method="min", ascending=False) <= places,
            "bottom": by_scene.rank(method="min") <= places,
        }
    )
    table = counts.groupby("camera")[["scenes", "top", "bottom"]].sum().astype(int)
    scenes = counted["scene"].nunique()
    return CameraRanking(_ordered(table, "top", "bottom"), scenes, means["scene"].nunique() - scenes, places)


@dataclass(frozen=True, eq=False)
class SceneLevels:
    """The outcome of `scene_levels`.

    Args:
        table: a row a scene, by its name: `pictures`, `mean` (of the scores as given) and the share of its pictures on
            each of LEVELS, in 0..1.
        edges: the ends of the levels, ascending, six of them.
        several: pictures that have more than one scene, and so count in each.
        without: pictures that have none.
    """

    table: pd.DataFrame
    edges: tuple[float, ...]
    several: int
    without: int


def scene_levels(manifest: Manifest) -> SceneLevels:
    """How the scores of each scene are distributed over five quality levels (figure 4).

    The levels are equal parts of the scale; a score on an edge belongs to the higher number. A scale without both bounds is
    replaced by the range of all scores.

    Args:
        manifest: with the columns `score` and `scene_*`, above 0 where a picture has the scene.

    Raises:
        InvalidInput: no such columns, no picture with a scene, or all scores equal on a scale without bounds.
    """
    columns = [str(column) for column in manifest.table if str(column).startswith(SCENE_PREFIX)]
    if not columns:
        raise InvalidInput(f"{manifest.name} has no column '{SCENE_PREFIX}*'")
    score = manifest.table["score"].to_numpy(float)
    scale = manifest.scale
    low, high = (score.min(), score.max()) if scale.low is None or scale.high is None else (scale.low, scale.high)
    if low == high:
        raise InvalidInput(f"{manifest.name}: all scores are {low:g}, which leaves no levels")
    edges = np.linspace(low, high, len(LEVELS) + 1)
    level = np.clip(np.digitize(score, edges) - 1, 0, len(LEVELS) - 1)
    if not scale.higher_is_better:
        level = len(LEVELS) - 1 - level
    labels = np.stack([parse_numbers(manifest.table[column])[0] > 0 for column in columns], axis=1)
    rows = {}
    for place, column in enumerate(columns):
        has = labels[:, place]
        if has.any():
            shares = np.bincount(level[has], minlength=len(LEVELS)) / has.sum()
            rows[column.removeprefix(SCENE_PREFIX)] = {
                "pictures": int(has.sum()),
                "mean": float(score[has].mean()),
                **dict(zip(LEVELS, shares, strict=True)),
            }
    if not rows:
        raise InvalidInput(f"{manifest.name}: no picture has a scene")
    each = labels.sum(axis=1)
    return SceneLevels(
        pd.DataFrame.from_dict(rows, orient="index"),
        tuple(float(edge) for edge in edges),
        several=int((each > 1).sum()),
        without=int((each == 0).sum()),
    )


def _ordered(table: pd.DataFrame, most: str, fewest: str) -> pd.DataFrame:
    return table.sort_index().sort_values([most, fewest], ascending=[False, True], kind="stable")
