"""A whole study: from ratings to mean opinion scores, with what was removed and how far the raters agree."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from tfiqa.databases.opinion_scores.consistency import (
    IntraclassCorrelations,
    SubGroupConsistency,
    SubjectConsistency,
    intraclass_correlations,
    sub_group_consistency,
    subject_consistency,
)
from tfiqa.databases.opinion_scores.mean_opinion import (
    CONFIDENCE,
    Z_SCALE,
    mean_opinion_scores,
    opinions_of,
    z_score_opinions,
)
from tfiqa.databases.opinion_scores.ratings import Ratings
from tfiqa.databases.opinion_scores.rejection import FEWEST_FOR_OUTLIERS, Rejection, reject
from tfiqa.databases.table_file import write_table
from tfiqa.errors import InvalidInput, ManifestError, UnknownName
from tfiqa.registry import unknown_name
from tfiqa.score_scale import ScoreScale

METHODS = ("mos", "zscore")
NARROW = 0.1  # of the scale: all ratings within this share mean that the scale was most likely not given
NAMES_SHOWN = 5

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Study:
    """What became of a study.

    Args:
        ratings: all ratings, as given.
        rejection: which of them do not count.
        method: what `score` is: "mos", the mean of the opinions as given, or "zscore", of Z-scores.
        scale: of `score`.
        table: one row a stimulus: `image` (the stimulus, as named in the ratings), `score`, `score_std`, `ci95`, `ratings`
            (see `mean_opinion_scores`), `mos` and `zscore_mos` (both whatever the method; NaN where undefined).
        sub_groups, subjects, icc: consistency of the opinions that `score` averages, or a text why it is undefined.
        halves: random halvings asked for.
        seed: of these.
        without_z_scores: subjects that have no Z-scores, "name: reason".
        without_score: stimuli that have no score, and so are not in the table.
        notes: what else the reader of the figures should know, a sentence each.
    """

    ratings: Ratings
    rejection: Rejection
    method: str
    scale: ScoreScale
    table: pd.DataFrame
    sub_groups: SubGroupConsistency | str
    subjects: SubjectConsistency | str
    icc: IntraclassCorrelations | str
    halves: int
    seed: int
    without_z_scores: list[str]
    without_score: list[str]
    notes: list[str]

    def counts(self) -> dict[str, int]:
        """How many ratings, subjects, sessions and stimuli there were and are; each removed rating is counted once."""
        table, rejection, keep = self.ratings.table, self.rejection, self.rejection.keep
        stays = ~rejection.in_removed_session
        return {
            "ratings": len(table),
            "subjects": table["subject"].nunique(),
            "sessions": len(rejection.sessions),
            "stimuli": table["stimulus"].nunique(),
            "outliers_found": int(rejection.outlier.sum()),
            "ratings_removed_with_their_session": int(rejection.in_removed_session.sum()),
            "outliers_removed": int((rejection.outlier & stays).sum()),
            "inconsistent_repeats_removed": int((rejection.inconsistent & ~rejection.outlier & stays).sum()),
            "sessions_removed": len(rejection.removed_sessions),
            "subjects_removed": table["subject"].nunique() - table["subject"][keep].nunique(),
            "ratings_kept": int(keep.sum()),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; what is undefined is None, or for a whole group of figures {"undefined": why}."""
        removed = self.rejection.removed_sessions.astype(object)
        return {
            "ratings_file": self.ratings.name,
            "rating_scale": [self.ratings.low, self.ratings.high],
            "rejection": self.rejection.method,
            "counts": self.counts(),
            "removed_sessions": removed.where(removed.notna(), None).to_dict("records"),
            "method": self.method,
            "score_scale": self.scale.to_dict(),
            "mean_score_std": _mean(self.table["score_std"]),
            "mean_ci95": _mean(self.table["ci95"]),
            "sub_group_consistency": {"asked": self.halves, "seed": self.seed, **_figures(self.sub_groups)},
            "subject_consistency": _figures(self.subjects),
            "intraclass_correlations": _figures(self.icc),
            "subjects_without_z_scores": self.without_z_scores,
            "stimuli_without_score": self.without_score,
            "notes": self.notes,
        }

    def to_text(self) -> str:
        """A summary for people, removed sessions excepted."""
        n, table = self.counts(), self.table
        few, many = table["ratings"].min(), table["ratings"].max()
        lines = [
            f"{n['ratings']} ratings of {n['stimuli']} stimuli by {n['subjects']} subjects in {n['sessions']} sessions, "
            f"scale {self.ratings.low:g} to {self.ratings.high:g}",
            f"rejection {self.rejection.method}: {n['sessions_removed']} sessions removed with "
            f"{n['ratings_removed_with_their_session']} ratings; of the others {n['outliers_removed']} outliers and "
            f"{n['inconsistent_repeats_removed']} of inconsistent repeats; {n['ratings_kept']} ratings kept",
            f"scores: {self.scale}; {len(table)} stimuli with "
            + (f"{few}" if few == many else f"{few} to {many}")
            + f" opinions; mean standard deviation {_number(table['score_std'].mean())}, mean {CONFIDENCE * 100:.0f} % interval "
            f"+-{_number(table['ci95'].mean())}",
        ]
        if isinstance(self.sub_groups, str):
            lines.append(f"sub-groups: undefined, {self.sub_groups}")
        else:
            lines.append(
                f"sub-groups: {_coefficients(self.sub_groups)}, RMSE {self.sub_groups.rmse:.4g}, over "
                f"{self.sub_groups.halvings} of {self.halves} random halvings"
            )
        if isinstance(self.subjects, str):
            lines.append(f"subjects to MOS: undefined, {self.subjects}")
        else:
            lines.append(
                f"subjects to MOS: {_coefficients(self.subjects)}, over {self.subjects.subjects} subjects, "
                f"{self.subjects.left_out} left out"
            )
        if isinstance(self.icc, str):
            lines.append(f"ICC: undefined, {self.icc}")
        else:
            values = {name: value for name, value in asdict(self.icc).items() if name != "k" and value is not None}
            forms = ", ".join(f"ICC({','.join(name.split('_')[1:])}) {value:.4f}" for name, value in values.items())
            lines.append(f"{forms}; k = {self.icc.k:.4g}")
        lines += [f"no Z-scores for subject {text}" for text in self.without_z_scores[:NAMES_SHOWN]]
        if len(self.without_z_scores) > NAMES_SHOWN:
            lines.append(f"no Z-scores for {len(self.without_z_scores) - NAMES_SHOWN} more subjects")
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def run_study(
    ratings: Ratings, *, rejection: str = "spaq", method: str = "mos", halves: int = 25, seed: int = 0
) -> Study:
    """Rejects what does not count and averages the rest.

    Args:
        ratings: the study.
        rejection: see `reject`.
        method: "mos" or "zscore": what the scores are the mean of; see `mean_opinion_scores` and `z_score_opinions`.
        halves: random halvings for the consistency of sub-groups, at least 2.
        seed: of these.

    Raises:
        UnknownName: no such rejection or method.
        InvalidInput: fewer than 2 halvings.
        ManifestError: nothing is left to average.
    """
    if method not in METHODS:
        raise UnknownName(unknown_name("method", method, METHODS))
    if halves < 2:
        raise InvalidInput(f"sub-group consistency needs at least 2 halvings. Received: {halves}")
    found = reject(ratings, rejection)
    if not found.keep.any():
        raise ManifestError(f"{ratings.name}: rejection {rejection!r} leaves no rating; look at them, or choose 'none'")
    opinions = opinions_of(ratings, found.keep)
    z_opinions, without_z_scores = z_score_opinions(opinions)
    averaged = opinions if method == "mos" else z_opinions
    if averaged.empty:
        raise ManifestError(f"{ratings.name}: no Z-scores, for no subject tells two stimuli apart; use method 'mos'")
    scores = mean_opinion_scores(averaged)
    scores["mos"] = mean_opinion_scores(opinions)["score"]
    scores["zscore_mos"] = mean_opinion_scores(z_opinions)["score"].clip(*Z_SCALE)  # rounding may pass the ends
    scores["score"] = scores["mos" if method == "mos" else "zscore_mos"]
    stimuli = ratings.table["stimulus"].cat.categories
    without_score = [str(stimulus) for stimulus in stimuli.difference(scores.index, sort=False)]
    low, high = (ratings.low, ratings.high) if method == "mos" else Z_SCALE
    return Study(
        ratings=ratings,
        rejection=found,
        method=method,
        scale=ScoreScale(low, high, True, "MOS" if method == "mos" else "Z-score MOS"),
        table=scores.rename_axis("image").reset_index().astype({"image": str}),
        sub_groups=_defined(lambda: sub_group_consistency(averaged, halves, seed)),
        subjects=_defined(lambda: subject_consistency(averaged)),
        icc=_defined(lambda: intraclass_correlations(averaged)),
        halves=halves,
        seed=seed,
        without_z_scores=without_z_scores,
        without_score=without_score,
        notes=_notes(ratings, found, scores, without_score),
    )


def write_scores(study: Study, path: str | os.PathLike[str]) -> None:
    """Writes the scores as a manifest, CSV or Parquet by the ending, whole or not at all.

    Stimuli keep the names they have in the ratings; read as pictures, relative ones start from the file's folder.

    Raises:
        ManifestError: the ending is neither .csv nor .parquet.
        StorageError: the system refuses.
    """
    scale = study.scale
    columns = {"scale_low": scale.low, "scale_high": scale.high, "scale_direction": "higher", "scale_unit": scale.unit}
    write_table(study.table.assign(**columns), Path(path))


def _notes(ratings: Ratings, found: Rejection, scores: pd.DataFrame, without_score: list[str]) -> list[str]:
    notes = []
    lowest, highest = ratings.scores.min(), ratings.scores.max()
    if highest - lowest <= NARROW * (ratings.high - ratings.low):
        notes.append(
            f"all ratings lie within {lowest:g} to {highest:g}, a small part of the scale {ratings.low:g} to "
            f"{ratings.high:g}; give the scale's lowest and highest grade if it is another"
        )
    ratings_each = np.bincount(ratings.codes("stimulus"))
    few, lone = int((ratings_each < FEWEST_FOR_OUTLIERS).sum()), int((scores["ratings"] == 1).sum())
    if found.method in ("spaq", "bt500") and few:
        notes.append(
            f"{few} of {len(ratings_each)} stimuli have fewer than {FEWEST_FOR_OUTLIERS} ratings, among which none can lie far "
            "enough from the mean to be an outlier"
        )
    if found.outlier.any():
        notes.append(
            "outliers are removed from honest tails too, so that standard deviations and intervals are somewhat too small"
        )
    if lone:
        notes.append(
            f"{lone} of {len(scores)} stimuli have one opinion, and so neither standard deviation nor interval"
        )
    if without_score:
        names = ", ".join(without_score[:NAMES_SHOWN]) + (", ..." if len(without_score) > NAMES_SHOWN else "")
        notes.append(
            f"{len(without_score)} of {len(ratings_each)} stimuli have no opinion that counts and are not in the table: {names}"
        )
    return notes


def _defined(figures: Callable[[], T]) -> T | str:
    try:
        return figures()
    except InvalidInput as error:
        return str(error)


def _figures(figures: SubGroupConsistency | SubjectConsistency | IntraclassCorrelations | str) -> dict[str, Any]:
    return {"undefined": figures} if isinstance(figures, str) else asdict(figures)


def _coefficients(figures: SubGroupConsistency | SubjectConsistency) -> str:
    """Both coefficients, each with its standard deviation where there is one."""
    parts = []
    for name, mean, std in (("SRCC", figures.srcc, figures.srcc_std), ("PLCC", figures.plcc, figures.plcc_std)):
        parts.append(f"{name} {mean:.4f}" + ("" if std is None else f" (std {std:.4f})"))
    return ", ".join(parts)


def _mean(column: pd.Series) -> float | None:
    """The mean of what is defined, or None."""
    return None if column.isna().all() else float(column.mean())


def _number(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.4g}"
