"""What the tools that measure a model have in common: scores of pictures, and how well they agree with other columns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput, TfiqaError
from tfiqa.evaluation.correlation import is_constant, srcc

if TYPE_CHECKING:
    from tfiqa.pipelines.scoring import Source
    from tfiqa.serving.scorer import Scorer

Scores = NDArray[np.float64]


def scores(scorer: Scorer, pictures: Sequence[Source]) -> Scores:
    """The model's quality of each picture, (N,), turned so that higher is better.

    Raises InvalidInput when a picture cannot be scored: a figure must not rest on some of the pictures.
    """
    rows = list(scorer.rows(pictures))
    failed = [row["error"] for row in rows if row["error"]]
    if failed:
        raise InvalidInput(f"{len(failed)} of {len(rows)} pictures cannot be scored, the first: {failed[0]}")
    scale = scorer.info.scale
    assert scale is not None  # a Scorer has one
    return scale.oriented([row["quality"] for row in rows])


@dataclass(frozen=True)
class Agreement:
    """How far scores and another column order pictures alike.

    Args:
        overall: SRCC over all pictures.
        within: the median over the contents of the SRCC within each.
    """

    overall: float
    within: float


def agreement(found: ArrayLike, truth: ArrayLike, contents: Sequence[Any] | pd.Series[Any]) -> Agreement:
    """SRCC overall and within contents; both columns have higher for better.

    Within a content, scores that are all equal count as 0; contents whose truth is constant are left out. NaN where
    nothing is left.
    """
    table = pd.DataFrame({"found": np.asarray(found, np.float64), "truth": np.asarray(truth, np.float64)})
    each = [
        coefficient
        for _, rows in table.groupby(np.asarray(contents, object))
        if not np.isnan(coefficient := coefficient_within(rows["found"], rows["truth"]))
    ]
    return Agreement(srcc(table["found"], table["truth"]), float(np.median(each)) if each else float("nan"))


def coefficient_within(found: ArrayLike, truth: ArrayLike) -> float:
    """SRCC; 0 where the scores are constant, NaN where the truth is."""
    if is_constant(np.asarray(truth, np.float64)):
        return float("nan")
    return float(np.nan_to_num(srcc(found, truth)))


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of "512x384". Raises InvalidInput for anything else."""
    if text is None:
        return None
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdigit() and int(side) > 0 for side in sides):
        raise InvalidInput(f"{text!r} is no size such as 512x384")
    return int(sides[0]), int(sides[1])


def tool_command(command: click.Command) -> None:
    """Runs a tool's command: TensorFlow loaded as the package's commands load it, errors meant for people in one line."""
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()
    try:
        command()
    except TfiqaError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
