"""A scorer held against a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.exif_rows import exif_rows, has_exif_columns
from tfiqa.databases.groups import group_keys
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.opinion_deviations import estimated_part
from tfiqa.databases.rescaling import RESCALED
from tfiqa.databases.splits import rows_of_split
from tfiqa.databases.validation import validate_manifest
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.agreement import Report, agreement, truth_columns
from tfiqa.evaluation.calibration import Calibration, calibrate
from tfiqa.evaluation.scenes import scene_accuracy
from tfiqa.evaluation.tasks import tasks_of
from tfiqa.evaluation.vote_distance import vote_distance
from tfiqa.evaluation.within_groups import TasksWithin, tasks_within
from tfiqa.models.model_info import model_spec
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.records.packed_picture import Source, source_bytes
from tfiqa.serving.scorer import Scorer


@dataclass(frozen=True)
class ScorerEvaluation:
    """The outcome of `evaluate_scorer`.

    Args:
        report: the figures; of a model of full-reference measures those of each measure.
        table: a row a scored picture: image, score, `score_std` where the manifest has it and the model tells its
            uncertainty, the scorer's columns.
        errors: the pictures left out, each with its reason.
        trained_on: how many of the pictures trained the model, by content; None when the model does not tell.
        scene_accuracy: share of right scenes, in 0..1; None for models and manifests without scenes.
        calibration: how sure the model should be; None for models that do not tell their uncertainty.
        vote_distance: of predicted and true distributions of votes; None where either does not tell one.
        within: the agreement within groups, where they were asked for.
    """

    report: Report
    table: pd.DataFrame
    errors: list[str]
    trained_on: int | None
    scene_accuracy: float | None = None
    calibration: Calibration | None = None
    vote_distance: float | None = None
    within: TasksWithin | None = None

    def to_text(self) -> str:
        """The figures for people to read."""
        scenes = (
            ""
            if self.scene_accuracy is None
            else f"\nscene accuracy {self.scene_accuracy:.4f}, against the manifest's columns scene_*"
        )
        calibration = "" if self.calibration is None else f"\n{self.calibration.to_text()}"
        votes = "" if self.vote_distance is None else f"\nEMD of the votes (r = 1) {self.vote_distance:.4f}"
        within = "" if self.within is None else f"\n{self.within.to_text()}"
        return self.report.to_text() + within + scenes + votes + calibration

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        scenes = {} if self.scene_accuracy is None else {"scene_accuracy": self.scene_accuracy}
        calibration = {} if self.calibration is None else {"calibration": self.calibration.to_dict()}
        return {
            **self.report.to_dict(),
            **scenes,
            **calibration,
            **({} if self.vote_distance is None else {"vote_distance": self.vote_distance}),
            **({} if self.within is None else {"within": self.within.to_dict()}),
            "left_out": self.errors,
            "trained_on": self.trained_on,
        }


def select_rows(pictures: LabelledPictures, split: str | None) -> tuple[LabelledPictures, str]:
    """The rows of a split, and what was chosen in words; None takes `test` where rows are marked so, else all rows."""
    marked = pictures.manifest.table.get("split")
    if split is None:
        split = "test" if marked is not None and (marked == "test").any() else "all"
    if split == "all":
        return pictures, "all rows"
    rows_of_split(pictures.manifest, split)  # says what is wrong where there are none
    return pictures.where((pictures.manifest.table["split"] == split).to_numpy()), f"split {split}"


def evaluate_scorer(
    scorer: Scorer,
    pictures: LabelledPictures,
    *,
    repeats: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    scored: Iterable[Mapping[str, Any]] | None = None,
    within: str | None = None,
) -> ScorerEvaluation:
    """Scores the manifest's pictures and compares with its scores.

    Args:
        scorer: the model.
        pictures: with scores of any scale and direction, or with the measures that the model predicts.
        repeats: bootstrap draws for 95 % intervals; 0 for none. Groups are drawn whole. The manifest of a run over several
            databases is judged database by database, without intervals.
        seed: of the draws, and of the pairs for the calibration.
        progress: called with (done, all) after each picture.
        scored: what `scorer.rows` gave for these pictures, where that is known already.
        within: a column of the manifest, such as `scene`, within whose groups the ranks are compared too.

    Raises ManifestError when the manifest lacks what the model predicts, InvalidInput when no picture can be scored.
    """
    manifest = pictures.manifest
    assert scorer.info.scale is not None  # Scorer refuses models without one
    tasks = tasks_of(scorer.info, manifest.scale)
    required = ("image", *(task.column for task in tasks), *(() if within is None else (within,)))
    validate_manifest(manifest.table, manifest.path, required=required, check_files=False)
    rows, errors, kept = [], [], []
    for index, row in enumerate(scored or scorer.rows(pictures.sources, exif_of(manifest, scorer))):
        if progress:
            progress(index + 1, len(pictures))
        if row["error"] is None:
            kept.append(index)
            rows.append({name: row[name] for name in scorer.columns})
        else:
            errors.append(row["error"])
    if not rows:
        raise InvalidInput(f"none of the {len(pictures)} pictures could be scored; the first: {errors[0]}")
    used = manifest.table.iloc[kept].reset_index(drop=True)
    predicted = pd.DataFrame(rows)
    databases = used["database"] if "database" in used and used["database"].nunique() > 1 else None
    report = agreement(
        predicted,
        used,
        tasks,
        manifest.scale,
        databases=databases if manifest.scale == RESCALED else None,
        groups=group_keys(used),
        repeats=repeats,
        seed=seed,
    )
    scenes = model_spec(scorer.info.model).targets.get("scene_logits", ())
    has_scenes = "scene" in predicted and any(column in used for column in scenes)
    accuracy = scene_accuracy(predicted["scene"], used) if has_scenes else None
    tells = "uncertainty" in predicted and tasks[0].output == "quality"
    calibration = _calibration(predicted, used, databases, scorer, manifest, seed) if tells else None
    deviations = used[["score_std"]] if tells and "score_std" in used else used[[]]
    table = pd.concat([used[["image"]], truth_columns(used, tasks), deviations, predicted], axis=1)
    sources = [pictures.sources[index] for index in kept]
    trained_on, distance = _trained_on(scorer.source, sources), vote_distance(predicted, used)
    of_groups = None if within is None else tasks_within(predicted, used, tasks, within)
    return ScorerEvaluation(report, table, errors, trained_on, accuracy, calibration, distance, of_groups)


def _calibration(
    predicted: pd.DataFrame,
    used: pd.DataFrame,
    databases: pd.Series[str] | None,
    scorer: Scorer,
    manifest: Manifest,
    seed: int,
) -> Calibration:
    assert scorer.info.scale is not None
    return calibrate(
        predicted["quality"],
        predicted["uncertainty"],
        used["score"],
        used.get("score_std"),
        prediction_scale=scorer.info.scale,
        score_scale=manifest.scale,
        source=estimated_part(used),
        databases=databases,
        seed=seed,
    )


def exif_of(manifest: Manifest, scorer: Scorer) -> NDArray[np.float64] | None:
    """The EXIF numbers that the manifest's columns hold; None where it has no such columns or the model takes none."""
    return exif_rows(manifest) if model_spec(scorer.info.model).exif and has_exif_columns(manifest) else None


def _trained_on(model: Path, pictures: Sequence[Source]) -> int | None:
    """How many pictures are, byte for byte, among those that trained the model of a run folder."""
    checks = model.parent / "pictures.csv"
    if model.name != "model.keras" or not (checks.is_file() and (model.parent / "recipe.yaml").is_file()):
        return None  # not a run folder
    table = pd.read_csv(checks, dtype=str)
    trained = set(table["sha256"][table["split"] == "train"])
    return sum(hashlib.sha256(source_bytes(picture)).hexdigest() in trained for picture in pictures)
