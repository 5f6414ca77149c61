"""Histogram equalisation: scores of any distribution to targets spread evenly over 0..1, and back.

H. Lin, V. Hosu, D. Saupe, DeepFL-IQA: weak supervision for deep IQA feature learning, 2020, section IV.B.3: measures with
narrow, peaky distributions learn at other speeds than the rest, unless the training labels of each are equalised.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput
from tfiqa.files import read_json, write_text

FORMAT = "tfiqa histogram equalization"
VERSION = 1
MOST_KNOTS = 1000  # a measure; of 700,000 pictures and eleven measures that is 200 to 400 KB of JSON
# From knot to knot the rank grows by at most this unless they are neighbours, and by more in two steps: no more than MOST_KNOTS.
STEP = 2 / MOST_KNOTS


@dataclass(frozen=True, eq=False)
class EqualizingMap:
    """The map of one measure: straight lines between knots.

    Args:
        scores: (K,) float64, strictly increasing.
        targets: (K,) float64 in 0..1, strictly increasing where higher scores are better, else strictly decreasing.
        higher_is_better: whether it is so.
        pictures: how many it was fitted on.

    Raises:
        InvalidInput: it is no such map.
    """

    scores: NDArray[np.float64]
    targets: NDArray[np.float64]
    higher_is_better: bool
    pictures: int

    def __post_init__(self) -> None:
        scores, targets = self.scores, self.targets
        if scores.ndim != 1 or scores.shape != targets.shape or not scores.size:
            raise InvalidInput(
                f"scores and targets must be lists of one length. Received: {scores.shape}, {targets.shape}"
            )
        if not (np.isfinite(scores).all() and (np.diff(scores) > 0).all()):
            raise InvalidInput("the scores of the knots must be finite and increase")
        upwards = targets if self.higher_is_better else targets[::-1]
        if not ((upwards >= 0).all() and (upwards <= 1).all() and (np.diff(upwards) > 0).all()):
            direction = "increase" if self.higher_is_better else "decrease"
            raise InvalidInput(f"the targets of the knots must be in 0..1 and {direction}")

    @classmethod
    def fit(cls, scores: ArrayLike, higher_is_better: bool, bins: int | None = None) -> EqualizingMap:
        """The map of training labels (N,); see `HistogramEqualization.fit`.

        Raises:
            InvalidInput: no scores, or some that are not finite.
        """
        try:
            values = np.asarray(scores, np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"the scores must be numbers ({error})") from error
        strange = np.count_nonzero(~np.isfinite(values))
        if values.ndim != 1 or not values.size or strange:
            raise InvalidInput(f"the scores must be finite (N,). Received: {values.shape}, {strange} not finite")
        if bins is not None:
            values = _bin_centres(values, bins)
        distinct, counts = np.unique(values, return_counts=True)
        up_to = np.cumsum(counts)
        worse = up_to - counts if higher_is_better else len(values) - up_to
        targets = (2 * worse + counts) / (2 * len(values))
        knots = _chosen((up_to - counts / 2) / len(values))
        return cls(distinct[knots], targets[knots], higher_is_better, len(values))

    def transform(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Targets in 0..1 of scores of any shape; beyond the fitted range those of its ends; NaN stays NaN."""
        return np.interp(np.asarray(scores, np.float64), self.scores, self.targets)

    def inverse(self, targets: ArrayLike) -> NDArray[np.float64]:
        """Scores of targets of any shape; beyond the ends of the map the lowest and highest fitted; NaN stays NaN."""
        upwards = slice(None) if self.higher_is_better else slice(None, None, -1)
        return np.interp(np.asarray(targets, np.float64), self.targets[upwards], self.scores[upwards])

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        return {
            "higher_is_better": self.higher_is_better,
            "pictures": self.pictures,
            "scores": self.scores.tolist(),
            "targets": self.targets.tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EqualizingMap:
        """The map that `to_dict` wrote. Raises InvalidInput for anything else."""
        try:
            scores, targets = (np.array(values[key], np.float64) for key in ("scores", "targets"))
            higher_is_better, pictures = values["higher_is_better"], values["pictures"]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidInput(f"it lacks its scores and targets, or they are no numbers ({error})") from error
        if not isinstance(higher_is_better, bool) or not isinstance(pictures, int) or pictures < 1:
            raise InvalidInput(f"higher_is_better and pictures are {higher_is_better!r} and {pictures!r}")
        return cls(scores, targets, higher_is_better, pictures)


@dataclass(frozen=True, eq=False)
class HistogramEqualization:
    """One monotone map a measure, from scores to targets: 0..1, evenly spread, higher is better whatever the measure.

    Args:
        maps: by measure; their knots are plain arrays, for graphs that interpolate themselves.
    """

    maps: Mapping[str, EqualizingMap]

    @classmethod
    def fit(
        cls,
        scores: pd.DataFrame,
        names: Sequence[str],
        higher_is_better: Mapping[str, bool],
        *,
        bins: int | None = None,
    ) -> HistogramEqualization:
        """The maps of training labels.

        The target of a score is the share of the training pictures that are worse, those of the same score counting half
        (the mid-rank): the mean of the targets is 1/2, a constant measure is 1/2 everywhere, and a score that half of the
        pictures share at the upper end is 3/4. For up to 1,000 distinct scores the map is exact. Of more, the knots
        are spaced by quantiles: the target of a training score is then off by less than 0.002, and not at all where
        0.2 % of the pictures or more share the score.

        The paper equalises "binned" scores and does not tell how many bins; without `bins` the map is the limit of ever
        more of them. Their staircase cannot be inverted, so here straight lines join the bins.

        Args:
            scores: a row a picture, a column a measure.
            names: the columns to fit.
            higher_is_better: of each of the names.
            bins: put the scores of each measure into so many bins of equal width over its range first; all in one bin are
                then ties.

        Raises:
            InvalidInput: no names, a column is missing, it has no rows, or it has values that are not finite, which
                would have no rank: leave such pictures out before.
        """
        if not names:
            raise InvalidInput("give at least one measure to equalise")
        lacking = [name for name in names if name not in scores or name not in higher_is_better]
        if lacking:
            raise InvalidInput(
                f"no scores of {lacking[0]}, or no direction; there are {', '.join(map(str, scores.columns))}"
            )
        maps = {}
        for name in names:
            try:
                maps[name] = EqualizingMap.fit(scores[name], higher_is_better[name], bins)
            except InvalidInput as error:
                raise InvalidInput(f"{name}: {error}") from error
        return cls(maps)

    def transform(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Targets in 0..1, higher is better, for a table whose columns are measures of this equalisation, all or some.

        Scores beyond the fitted range get the targets of its ends; NaN stays NaN.

        Raises:
            InvalidInput: a column is none of the measures.
        """
        return pd.DataFrame(
            {name: self._map(name).transform(scores[name]) for name in scores.columns}, index=scores.index
        )

    def inverse(self, targets: pd.DataFrame) -> pd.DataFrame:
        """The scores of targets. Within the fitted range it undoes `transform` to 1e-9 of the range (knots exactly);
        targets beyond the ends of the map give the lowest and highest fitted score; NaN stays NaN.

        Raises:
            InvalidInput: a column is none of the measures.
        """
        return pd.DataFrame(
            {name: self._map(name).inverse(targets[name]) for name in targets.columns}, index=targets.index
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        maps = {name: each.to_dict() for name, each in self.maps.items()}
        return {"format": FORMAT, "version": VERSION, "measures": maps}

    @classmethod
    def from_dict(cls, values: Any) -> HistogramEqualization:
        """The equalisation that `to_dict` wrote.

        Raises:
            InvalidInput: it is something else, of another version, or damaged.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise InvalidInput("this is no histogram equalisation")
        if values.get("version") != VERSION:
            raise InvalidInput(f"it has version {values.get('version')!r}, this tfiqa reads version {VERSION}")
        measures = values.get("measures")
        if not isinstance(measures, Mapping) or not measures:
            raise InvalidInput("it has no measures")
        maps = {}
        for name, each in measures.items():
            try:
                maps[name] = EqualizingMap.from_dict(each)
            except InvalidInput as error:
                raise InvalidInput(f"{name}: {error}") from error
        return cls(maps)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it as JSON, whole or not at all. Raises StorageError when the system refuses."""
        write_text(path, json.dumps(self.to_dict(), allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> HistogramEqualization:
        """The equalisation that `save` wrote.

        Raises:
            InvalidInput: the file cannot be read, or is something else; the text names it.
        """
        return read_json(path, cls.from_dict, "is no histogram equalisation")

    def _map(self, name: str) -> EqualizingMap:
        if name not in self.maps:
            raise InvalidInput(f"no equalisation of {name!r} was fitted; there is one of {', '.join(self.maps)}")
        return self.maps[name]


def _bin_centres(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Each value's bin centre, of `bins` of equal width from the lowest to the highest value."""
    if bins < 1:
        raise InvalidInput(f"at least one bin is needed. Received: {bins}")
    edges = np.linspace(values.min(), values.max(), bins + 1)
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    return (edges[places] + edges[places + 1]) / 2


def _chosen(ranks: NDArray[np.float64]) -> list[int]:
    """The places of the knots among increasing ranks (N,): all, or the first and from each the farthest within STEP."""
    if len(ranks) <= MOST_KNOTS:
        return list(range(len(ranks)))
    places = [0]
    while places[-1] < len(ranks) - 1:
        farthest = np.searchsorted(ranks, ranks[places[-1]] + STEP, side="right") - 1
        places.append(max(int(farthest), places[-1] + 1))
    return places
